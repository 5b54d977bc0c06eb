"""MT-bench's answers and their questions."""

from typing import Any

import pytest

from sfr_eval.errors import UserError

QUESTIONS = [
    {"question_id": 81, "category": "writing", "turns": ["Write of Oslo.", "Again, in verse."]},
    {"question_id": 82, "category": "maths", "turns": ["Add 2 and 2."], "reference": ["4"]},
]
ANSWERS = [
    {
        "question_id": question,
        "answer_id": f"x{question}",
        "model_id": "vicuna",
        "choices": [{"index": n, "turns": [f"{question} {n}", "later"]} for n in range(2)],
        "tstamp": 1.5,
    }
    for question in (81, 82)
]


@pytest.mark.parametrize("folder", ["", "model_answer/"])
def test_first_turns_answer_the_questions(place: Any, read_one: Any, folder: str) -> None:
    place("question.jsonl", QUESTIONS)
    run = read_one(place(f"{folder}vicuna.jsonl", ANSWERS))
    assert run.manifest.name == "vicuna"
    assert run.replies == [
        ("Write of Oslo.", "81 0"),
        ("Write of Oslo.", "81 1"),
        ("Add 2 and 2.", "82 0"),
        ("Add 2 and 2.", "82 1"),
    ]
    assert list(run.suite.queries) == ["81", "82"]
    assert run.suite.rows["81"].category == "writing"
    assert run.suite.rows["82"].references == ("4",)
    assert "later turns of 4 answers are left out" in run.said


def test_without_questions_a_suite_must_be_named(place: Any, read_one: Any) -> None:
    with pytest.raises(UserError, match=r"a\.jsonl:1: names the query `81` but holds no prompt"):
        read_one(place("a.jsonl", ANSWERS))
