"""LiveCodeBench's outputs, with and without verdicts."""

import json
from typing import Any

import pytest

from sfr_eval.errors import UserError

ROWS = [
    {
        "question_id": f"{letter}_1",
        "question_content": f"Print the letter {letter} again and again.",
        "contest_date": "2024-01-02",
        "difficulty": "easy",
        "output_list": [f"Say:\n```python\nprint('{letter}')\n```", "No idea."],
        "code_list": [f"print('{letter}')", ""],
        "graded_list": [True, False],
        "pass@1": 0.5,
    }
    for letter in "ab"
]


def test_replies_come_with_model_and_temperature(place: Any, read_one: Any) -> None:
    name = "my-model/Scenario.codegeneration_2_0.2_eval_all.json"
    run = read_one(place(name, json.dumps(ROWS, indent=4)))
    assert run.manifest.name == "my-model"
    assert {s.temperature for s in run.samples} == {0.2}
    assert [s.query for s in run.samples] == ["a_1", "a_1", "b_1", "b_1"]
    assert run.samples[0].text.startswith("Say:")
    assert "does not state a temperature" not in run.said


def test_programs_alone_are_put_in_fences(place: Any, read_one: Any) -> None:
    rows = [{k: v for k, v in row.items() if k != "output_list"} for row in ROWS]
    run = read_one(place("custom.json", json.dumps(rows)))
    assert run.samples[0].text == "```python\nprint('a')\n```"
    assert "programs without the replies" in run.said
    assert "temperature" in run.said


def test_without_questions_a_suite_must_be_named(place: Any, read_one: Any) -> None:
    rows = [{"question_id": "a_1", "code_list": ["print('a')"]}]
    with pytest.raises(UserError, match=r"row 1: names the query `a_1` but holds no prompt"):
        read_one(place("custom.json", json.dumps(rows)))


def test_problems_outside_the_release_or_window_are_left_out(
    place: Any, read_one: Any, quiz: str
) -> None:
    row = {"question_id": "2", "output_list": ["A nightingale."]}
    run = read_one(place("custom.json", json.dumps([*ROWS, row])), suite=quiz)
    assert [s.query for s in run.samples] == ["2"]
    assert "2 problems of the file are not among those of the suite" in run.said
    with pytest.raises(UserError, match="none of its 2 problems is in the suite; name another"):
        read_one(place("others.json", json.dumps(ROWS)), suite=quiz)
