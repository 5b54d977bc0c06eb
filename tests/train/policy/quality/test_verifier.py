"""Right answers and programs, by what the row gives as its completion."""

from typing import Any

import pytest
from sfr_train.policy.quality.verifier import Settings, build

from sfr_eval.errors import UserError


def row(reference: str) -> dict[str, Any]:
    return {"prompt": [{"role": "user", "content": "?"}], "references": [reference]}


@pytest.mark.parametrize(
    ("reference", "reply", "right"),
    [
        ("6 times 7.\n#### 42", "So it is \\boxed{42}.", 1.0),
        ("6 times 7.\n#### 42", "The answer is 42.0", 1.0),
        ("6 times 7.\n#### 42", "#### 43", 0.0),
        ("1/2", "I get \\boxed{0.5}", 1.0),
        ("x + 1", "\\boxed{1 + x}", 1.0),
        ("42", "", 0.0),
        ("42", "I do not know", 0.0),
    ],
)
def test_answers_are_compared_by_value(reference: str, reply: str, right: float) -> None:
    quality = build(Settings(by="answer"), [row(reference)])
    assert quality(completions=[reply], references=[[reference]]) == [right]


def test_one_of_several_known_answers_is_enough() -> None:
    quality = build(Settings(), [row("3"), row("5")])
    assert quality(completions=["\\boxed{5}"], references=[["3", "5"]]) == [1.0]


def test_programs_run_in_the_sandbox() -> None:
    asserts = "assert double(2) == 4\nassert double(-1) == -2"
    quality = build(Settings(by="asserts"), [row(asserts)])
    replies = [
        "```python\ndef double(x):\n    return 2 * x\n```",
        "```python\ndef double(x):\n    return x ** 2\n```",
        "I cannot.",
        "",
    ]
    assert quality(completions=replies, references=[[asserts]] * 4) == [1.0, 0.0, 0.0, 0.0]


def test_a_row_that_cannot_be_compared_with_is_refused() -> None:
    with pytest.raises(UserError, match="prompt 2: its completion has no line of `assert`"):
        build(Settings(by="asserts"), [row("assert f(1) == 1"), row("f(1) is 1")])
    with pytest.raises(UserError, match="prompt 1: its completion is no answer"):
        build(Settings(), [row("  ")])
