"""pytest tests/suites/problems/test_extract.py"""

import pytest

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
        assert chat_code(answer, name="f") == code


def test_a_program_is_looked_for_in_the_answer_without_thinking() -> None:
    """Code in thoughts never counts, whether the tags are declared or not."""
    reply = f"<think>\n{BLOCK.format('def f(): wrong')}\n</think>\nreturn 1"
    answer = answer_text(reply, ThinkTags(open="<think>", close="</think>")).text
    assert chat_code(answer, name="f") == "return 1"
    assert chat_code(reply, name="f") == "return 1"


def test_a_continued_prompt_ends_at_done_and_skips_begin() -> None:
    assert few_shot_code("def f():\n    pass\n[DONE]\nYou are an expert") == "def f():\n    pass"
    assert few_shot_code("[BEGIN]\ndef f(): pass\n[DONE]") == "def f(): pass"
    assert few_shot_code("```python\ndef f(): pass\n```\n[DONE]") == "def f(): pass"
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
