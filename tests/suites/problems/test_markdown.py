"""pytest tests/suites/problems/test_markdown.py"""

import time

import pytest

from sfr_eval.suites.problems.markdown import Block, blocks
from sfr_eval.suites.problems.python_text import names_of


def contents(answer: str) -> list[str]:
    return [block.code for block in blocks(answer, lambda code: names_of(code) is not None)]


@pytest.mark.parametrize(
    ("answer", "codes"),
    [
        ("a\n```\nx = 1\n```\nb\n~~~py\ny = 2\n~~~", ["x = 1", "y = 2"]),
        ("x = 1\n```\nthat is all", ["x = 1"]),  # the prompt opened the fence
        ("x = 1```\nthat is all", ["x = 1"]),
        ("Words first.\n```\nx = 1", ["x = 1"]),  # no closing fence
        ("````\n```\nx\n```\n````", ["```\nx\n```"]),
        ("   - ```py\n     if x:\n         y()\n     ```", ["if x:\n    y()"]),
        ("> ```\n> x = 1\n> ```", ["x = 1"]),
        ("So: ```python\nx = 1\n```", ["x = 1"]),
        ("Use ```x``` or ```y``` here.", ["x", "y"]),
        ("```py\nx = 1\n\n```py\ny = 2\n```", ["x = 1\n", "y = 2"]),  # a fence was forgotten
        ("```\n```", []),
        ("Words.", []),
        ("", []),
    ],
)
def test_blocks_of_markdown(answer: str, codes: list[str]) -> None:
    assert contents(answer) == codes


def test_a_block_says_its_language_and_whether_it_ends() -> None:
    answer = "```Python3 title=a\nx\n```\n```bash\nls"
    assert blocks(answer, lambda _: False) == [
        Block(code="x", language="Python3", first_line="Python3 title=a"),
        Block(code="ls", language="bash", closed=False),
    ]
    assert [block.is_python for block in blocks(answer, lambda _: False)] == [True, False]


def test_html_tex_and_tags_mark_code_too() -> None:
    html = '<pre><code class="language-python">x = 1 &lt; 2\n<span>y</span> = 3</code></pre>'
    assert contents(html) == ["x = 1 < 2\ny = 3"]
    assert contents("Solution: [PYTHON]\nx = 1\n[/PYTHON]") == ["x = 1"]
    assert contents("\\begin{minted}{python}\nx = 1\n\\end{minted}") == ["x = 1"]


def test_a_hostile_answer_is_read_in_time() -> None:
    started = time.monotonic()
    for text in ("```\n'''\n", "~~~x", "```x`", "\\begin{code}\n", "<code>", "``` a\n"):
        contents(text * 5_000)
    assert time.monotonic() - started < 20
