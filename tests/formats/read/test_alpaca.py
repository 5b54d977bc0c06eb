"""Alpaca rows and outputs of alpaca_eval."""

import json
from typing import Any

import pytest

from sfr_eval.errors import UserError

ROWS = [
    {"instruction": "Translate the word", "input": word, "output": f"le {word}", "generator": model}
    for model in ("one", "two")
    for word in ("chat", "mur", "")
]


def test_the_input_belongs_to_the_instruction(place: Any, read_all: Any) -> None:
    runs = read_all(place("model_outputs.json", json.dumps(ROWS, indent=2)))
    assert list(runs) == ["one", "two"]
    assert runs["one"].replies == [
        ("Translate the word\n\nchat", "le chat"),
        ("Translate the word\n\nmur", "le mur"),
        ("Translate the word", "le "),
    ]
    assert runs["one"].manifest.imported.format == "alpaca"


def test_history_and_system_come_before(place: Any, read_one: Any) -> None:
    row = {
        "system": "Be brief.",
        "history": [["Hi", "Hello"]],
        "instruction": "And now?",
        "output": "Tea.",
    }
    (prompt,) = read_one(place("a.jsonl", [row])).suite.prompts()
    assert [(m.role, m.content) for m in prompt.messages] == [
        ("system", "Be brief."),
        ("user", "Hi"),
        ("assistant", "Hello"),
        ("user", "And now?"),
    ]


@pytest.mark.parametrize(
    "history", ['[["Hi", "Hello"]]', [{"role": "user", "content": "Hi"}], float("nan"), None, ""]
)
def test_a_history_may_be_a_cell_of_a_table(place: Any, read_one: Any, history: Any) -> None:
    row = {"instruction": "And now?", "input": None, "output": "Tea.", "history": history}
    (prompt,) = read_one(place("a.jsonl", [row])).suite.prompts()
    before: dict[Any, list[str]] = {str: ["Hi", "Hello"] if history else [], list: ["Hi"]}
    assert [m.content for m in prompt.messages] == [*before.get(type(history), []), "And now?"]


def test_another_history_is_refused(place: Any, read_one: Any) -> None:
    row = {"instruction": "And now?", "output": "Tea.", "history": "we spoke of tea"}
    with pytest.raises(UserError, match=r"a\.jsonl:1: history: must be pairs"):
        read_one(place("a.jsonl", [row]))
