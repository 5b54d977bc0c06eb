"""pytest tests/suites/problems/test_extract.py"""

import gzip
import json
import os
from collections.abc import Callable
from pathlib import Path
from textwrap import indent

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sfr_eval.suites.problems.extract import (
    between_last_fences,
    called_function,
    chat_code,
    few_shot_code,
)
from sfr_eval.thinking import ThinkTags, answer_text

BLOCK = "```python\n{}\n```"


@pytest.mark.parametrize(
    ("answer", "code"),
    [
        ("```python\na = 1\n```", "a = 1"),
        ("first\n```\na\n```\nthen\n```py\nb\n```\nbye", "b"),
        ("no fence at all", ""),
        ("```python\ncut off", ""),
        ("```python\na\n```\nand ```inline``` text", ""),  # lines with fences, not pairs of them
        ("", ""),
    ],
)
def test_livecodebench_takes_lines_between_the_last_two_fences(answer: str, code: str) -> None:
    assert between_last_fences(answer) == code


@pytest.mark.parametrize(
    ("answer", "code"),
    [
        (BLOCK.format("def f():\n    pass"), "def f():\n    pass"),
        # an example of use after the program is not the program
        (
            BLOCK.format("def f():\n    pass") + "\nUse:\n" + BLOCK.format("f()"),
            "def f():\n    pass",
        ),
        (BLOCK.format("def g():\n    pass") + BLOCK.format("x = 1"), "def g():\n    pass"),
        (BLOCK.format("def f(:") + "\n" + BLOCK.format("y = 2"), "y = 2"),
        (BLOCK.format("def f(:"), "def f(:"),  # broken code is still the program
        ("```python\ndef f():\n    return 1", "def f():\n    return 1"),  # cut at max_tokens
        ("def f():\n    return 1\n", "def f():\n    return 1"),  # no fence, but Python
        ("print(input())", "print(input())"),
        ("I cannot do that.", ""),
        ("Sorry", ""),  # a name is an expression, not a program
        ("", ""),
        ("```\n```", ""),
    ],
)
def test_a_chat_answer_yields_the_block_with_the_function(answer: str, code: str) -> None:
    if "def g" in answer:
        assert chat_code(answer, name="g") == code
    else:
        assert chat_code(answer, name="f").strip() == code


def test_a_program_is_looked_for_in_the_answer_without_thinking() -> None:
    """Code in thoughts never counts, whether the tags are declared or not."""
    reply = f"<think>\n{BLOCK.format('def f(): wrong')}\n</think>\nreturn 1"
    answer = answer_text(reply, ThinkTags(open="<think>", close="</think>")).text
    assert chat_code(answer, name="f") == "return 1"
    assert chat_code(reply, name="f") == "return 1"


SHARE = "def share(a, b):\n    if b:\n        return a / b\n    return 0.0"
DOCUMENTED = (
    'def share(a, b):\n    """\n    ```\n    share(1, 2)\n    ```\n    """\n    return a / b'
)
WRAPPERS: dict[str, Callable[[str], str]] = {
    "plain": lambda code: f"Sure.\n\n```python\n{code}\n```\nIt divides.",
    "continued": lambda code: f"{code}\n```",
    "continued, then words": lambda code: f"{code}\n```\n\nIt divides. Use:\n```\nf(1, 2)\n```",
    "continued, closed on the last line": lambda code: f"{code}```",
    "in a list": lambda code: f"1. So:\n\n   ```py\n{indent(code, '   ')}\n   ```\n2. Done.",
    "beside a number": lambda code: f"1. ```py\n{indent(code, '   ')}\n   ```",
    "indented, its fences not": lambda code: f"```\n{indent(code, '  ')}\n```",
    "closed on the last line": lambda code: f"```python\n{code}```\nDone.",
    "behind words": lambda code: f"This divides: ```python\n{code}\n```",
    "behind words without a language": lambda code: f"**Answer:** ```\n{code}\n```",
    "tildes": lambda code: f"~~~ python\n{code}\n~~~",
    "five backticks": lambda code: f"`````python\n{code}\n`````",
    "quoted": lambda code: indent(f"```\n{code}\n```", "> ", lambda _: True),
    "attributes": lambda code: f'```python3 id=a1 title="x"\n{code}\n```',
    "braces": lambda code: f"``` {{.python .numberLines}}\n{code}\n```",
    "unclosed": lambda code: f"Sure.\n```python\n{code}",
    "unclosed, then words": lambda code: f"```python\n{code}\n\nThis function divides a by b.",
    "no fence": lambda code: f"\n{code}\n",
    "words around": lambda code: f"Here it is:\n\n{code}\n\nThat is all, folks!",
    "indented between words": lambda code: f"So:\n\n{indent(code, '    ')}\n\nDone.",
    "end token": lambda code: f"{code}<|im_end|>",
    "end tokens": lambda code: f"```py\n{code}\n```<|eot_id|><|eot_id|>\n",
    "closing tag": lambda code: f"{code}</s>",
    "another turn": lambda code: f"{code}<|im_end|>\n<|im_start|>user\n```py\nx = 1\n```",
    "html": lambda code: f"<p>So:</p><pre><code>{code}</code></pre>",
    "tags": lambda code: f"[PYTHON]\n{code}\n[/PYTHON]",
    "windows": lambda code: f"```python\n{code}\n```\n".replace("\n", "\r\n"),
    "tabs": lambda code: f"\t```python\n{indent(code, chr(9))}\n\t```",
    "byte order mark": lambda code: f"\ufeff```python\n{code}\n```",
    "tests behind": lambda code: f"```python\n{code}\n```\n```python\nassert f(0, 1) == 0\n```",
    "output behind": lambda code: f"```python\n{code}\n```\nIt prints\n```\n0.5\n```",
    "shell before": lambda code: f"```bash\npip install x\n```\n```python\n{code}\n```",
    "example before": lambda code: f"```python\nf(1)\n```\nSo:\n```python\n{code}\n```",
}
INDENTED = {"in a list", "beside a number", "tabs", "indented, its fences not", "quoted"}


@pytest.mark.parametrize("wrapper", WRAPPERS)
def test_one_program_is_read_from_every_kind_of_answer(wrapper: str) -> None:
    assert chat_code(WRAPPERS[wrapper](SHARE), name="share") == SHARE
    assert chat_code(WRAPPERS[wrapper](DOCUMENTED), name="share") == DOCUMENTED


NAMES = st.from_regex(r"[a-z]{3,8}_[0-9]", fullmatch=True)
LINES = st.sampled_from(
    [
        "x = 1",
        "if x:\n    x = 2",
        "# a remark",
        "s = '''\nA text of\ntwo lines.\n'''",
        "x = (\n1,\n)",
    ]
)


@settings(deadline=None, max_examples=150)
@given(NAMES, st.lists(LINES, max_size=4), st.sampled_from([*WRAPPERS]))
def test_what_was_wrapped_comes_out(name: str, lines: list[str], wrapper: str) -> None:
    if wrapper in INDENTED:  # a text of several lines changes with its indentation
        lines = [line for line in lines if "'''" not in line]
    inner = [line for line in lines if "'''" not in line]
    code = "\n".join([*lines, f"def {name}():", indent("\n".join([*inner, "return 1"]), "    ")])
    assert chat_code(WRAPPERS[wrapper](code), name=name) == code


@pytest.mark.parametrize(
    ("answer", "code"),
    [
        ("```python\n>>> def f(n):\n...     return n\n```", "def f(n):\n    return n"),
        ("```def f(n): return n```", "def f(n): return n"),
        ("```python def f(n): return n```", "def f(n): return n"),
        ("```python def f(n):\n    return n\n```", "def f(n):\n    return n"),
        (
            "```python\ndef g(): ...\n```\n```python\ndef f(n): return g()\n```",
            "def g(): ...\n\n\ndef f(n): return g()",
        ),
        ("```python\ndef f(n): ...\n```\nNo:\n```python\nf = abs\n```", "f = abs"),
        ("def f(n):\n    return n\n\nExample:\n```\nf(2)\n```", "def f(n):\n    return n"),
        (
            "```python\ndef f(n):\n    return n\n\nprint(f(\n```",
            "def f(n):\n    return n\n\nprint(f(",
        ),
        ("def f(n):\n    return n\n\nprint(f(", ""),  # cut: not a program
        ("f = 1\nx = '<|im_end|>'", "f = 1\nx = '<|im_end|>'"),
        ("python\ndef f(n): return n\n```\nDone.", "def f(n): return n"),  # the prompt wrote ```
        ("python\nCopy code\ndef f(n): return n", "def f(n): return n"),
        ("```python\n%matplotlib inline\n!pip install x\ndef f(n): ...\n```", "def f(n): ..."),
        ("'''python\ndef f(n): return n\n'''", "def f(n): return n"),
        ("```python\ndef f(n): return n\n``` That is it.", "def f(n): return n"),
        ("```python\ndef f(n): return n\n```python", "def f(n): return n"),
        ("def f(n):\r    return n", "def f(n):\n    return n"),
        ("<answer>def f(n): return n</answer>", "def f(n): return n"),
        ("<|python_tag|>def f(n): return n<|eom_id|>", "def f(n): return n"),
        ("s = '<code>x</code>'\ndef f(n): return n", "s = '<code>x</code>'\ndef f(n): return n"),
    ],
)
def test_rarer_forms_and_code_that_breaks_off(answer: str, code: str) -> None:
    assert chat_code(answer, name="f") == code


@pytest.mark.parametrize("begin", ["", "[BEGIN]\n", "Code:\n[BEGIN]\n"])
def test_marks_of_the_few_shot_prompt_are_no_code(begin: str) -> None:
    code = "def half(n):\n    return n / 2"
    assert chat_code(f"{begin}{code}\n[DONE]\n\nYou are", name="half") == code


def test_a_continued_prompt_ends_at_done_and_skips_begin() -> None:
    assert few_shot_code("def f():\n    pass\n[DONE]\nYou are an expert") == "def f():\n    pass"
    assert few_shot_code("[BEGIN]\ndef f(): pass\n[DONE]") == "def f(): pass"
    assert few_shot_code("```python\ndef f(): pass\n```\n[DONE]") == "def f(): pass"
    assert few_shot_code("def f(): pass\n```\n[DONE]") == "def f(): pass"
    assert few_shot_code("def f(): pass<|endoftext|>\n") == "def f(): pass"
    assert few_shot_code("    return 1") == "    return 1"  # indentation is part of it


@pytest.mark.parametrize(
    ("assertion", "name"),
    [
        ("assert f(1) == 2", "f"),
        ("assert set(f(1)) == set([2])", "f"),
        ("assert math.isclose(f(1), 2.0)", "f"),
        ("assert not is_even(len([1]))", "is_even"),
        ("assert near([Point(1)]) == Point(1)", "near"),
        ("assert 1 == 1", ""),
        ("assert (", ""),
    ],
)
def test_the_function_under_test_is_the_outermost_non_builtin(assertion: str, name: str) -> None:
    assert called_function(assertion) == name


DATA = Path(os.environ.get("SFR_EVAL_TEST_DATA", Path(__file__).parents[4] / "shared" / "data"))


@pytest.mark.skipif(not DATA.exists(), reason=f"no {DATA}: the published sets are not shipped")
def test_published_programs_come_out_of_every_kind_of_answer() -> None:
    rows = [json.loads(line) for line in (DATA / "mbpp" / "mbpp.jsonl").open(encoding="utf-8")]
    for row in rows[::40]:
        code = "\n".join(line.rstrip() for line in row["code"].splitlines()).strip()
        name = called_function(row["test_list"][0])
        for wrapper, wrap in WRAPPERS.items():
            if wrapper in INDENTED and '"""' in code:
                continue
            assert chat_code(wrap(code), name=name).strip() == code, (row["task_id"], wrapper)
    with gzip.open(DATA / "humaneval" / "HumanEval.jsonl.gz", "rt", encoding="utf-8") as lines:
        problems = [json.loads(line) for line in lines]
    for problem in problems[::10]:
        name, head = problem["entry_point"], problem["prompt"]
        body = problem["canonical_solution"].strip("\n").rstrip()
        for answer in (body, f"{body}\n```\nDone.", f"```python\n{body}\n```", body.lstrip()):
            assert chat_code(answer, name=name, head=head) == body, problem["task_id"]
