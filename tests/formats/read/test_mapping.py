"""Which query a row answers, and that an id beside the text of another query is refused."""

import json
from typing import Any

import pytest

from sfr_eval.errors import UserError

RUST, BIRD, SEA = "Why is rust red?", "Which bird sings at night?", "How deep is the North Sea?"
"""The queries 1, 2 and 3 of the quiz."""


@pytest.mark.parametrize(
    ("row", "query"),
    [
        ({"id": 1, "question": RUST}, "1"),
        ({"id": "1", "question": f"  {RUST.upper()}\n"}, "1"),
        ({"id": "1", "prompt": f"Answer in one word.\n\n{RUST}"}, "1"),
        ({"id": "1", "prompt": f"Q: {BIRD}\nA: A nightingale.\n\nQ: {RUST}\nA:"}, "1"),  # few-shot
        ({"id": "1", "prompt": "Say why rust is so red, please"}, "1"),  # in other words
        ({"id": "77", "question": SEA}, "3"),  # an id of something else
        ({"prompt": SEA}, "3"),
        ({"query_id": "2"}, "2"),
    ],
)
def test_id_or_text_decide_where_they_agree(
    place: Any, read_one: Any, quiz: str, row: dict[str, Any], query: str
) -> None:
    run = read_one(place("a.jsonl", [{**row, "response": "x"}]), suite=quiz)
    assert [s.query for s in run.samples] == [query]


@pytest.mark.parametrize(
    "row",
    [
        {"id": 1, "question": SEA},
        {"id": "1", "prompt": f"Q: {SEA}\nA:"},
        {"query": "1", "prompt": SEA},
        {"task_id": 1, "messages": [{"role": "user", "content": SEA}]},
        {"id": "1", "question": "Which composer wrote nine symphonies?"},  # of no query at all
        {"id": "1", "question": "How deep is the South Sea?"},  # nearer to another
    ],
)
def test_an_id_beside_the_text_of_another_query_is_refused(
    place: Any, read_one: Any, quiz: str, row: dict[str, Any]
) -> None:
    with pytest.raises(
        UserError, match=r"a\.jsonl:1: `1` names the query `Why is rust red\?`, but"
    ):
        read_one(place("a.jsonl", [{**row, "text": "x"}]), suite=quiz)


def test_running_numbers_of_lm_eval_do_not_move_replies(
    place: Any, read_one: Any, quiz: str
) -> None:
    lines = [
        {
            "doc_id": number,
            "doc": {"id": str(number), "question": question},
            "arguments": {"gen_args_0": {"arg_0": f"Q: {question}\nA:", "arg_1": {}}},
            "resps": [["x"]],
        }
        for number, question in enumerate([BIRD, SEA, RUST], start=1)
    ]
    file = place("samples_quiz.jsonl", lines)
    with pytest.raises(UserError, match=r"`1` names the query `Why is rust .* that of `2`; "):
        read_one(file, suite=quiz)
    run = read_one(file, suite=quiz, query="doc.question")
    assert [s.query for s in run.samples] == ["1", "2", "3"]


def test_the_field_that_the_user_names_counts(place: Any, read_one: Any, quiz: str) -> None:
    row = {"n": "1", "question": "Warum ist Rost rot?", "response": "x"}
    assert read_one(place("a.jsonl", [row]), suite=quiz, query="n").samples[0].query == "1"
    with pytest.raises(UserError, match=r"`1` names the query .* that of `3`"):
        read_one(place("b.jsonl", [{**row, "question": SEA}]), suite=quiz, query="n")


def test_a_prompt_of_two_queries_or_of_none_is_refused(
    place: Any, read_one: Any, quiz: str
) -> None:
    with pytest.raises(UserError, match="contains 2 queries"):
        read_one(place("a.jsonl", [{"prompt": f"{RUST} {SEA}", "text": "x"}]), suite=quiz)
    with pytest.raises(UserError, match=r"`What is tea made of\?` names no query of suite quiz"):
        read_one(place("b.jsonl", [{"prompt": "What is tea made of?", "text": "x"}]), suite=quiz)


def test_suites_in_json_find_their_texts_by_query(place: Any, read_one: Any, quiz: str) -> None:
    file = place("a.json", json.dumps({"1": ["x", "y"], SEA: ["z"]}))
    assert [s.query for s in read_one(file, suite=quiz).samples] == ["1", "1", "3"]


def test_another_wording_is_no_other_query(place: Any, read_one: Any) -> None:
    spec = "id: short\nversion: '1'\ntitle: x\nqueries: queries.jsonl\nmetrics: [text]\n"
    folder = place("short/suite.yaml", spec).parent
    texts = ["the", "Write the numbers from one to ten in words", "Write one poem of ten lines"]
    place("short/queries.jsonl", [{"id": str(n), "text": text} for n, text in enumerate(texts)])

    def query(id: str, prompt: str) -> str:
        file = place("a.jsonl", [{"id": id, "prompt": prompt, "text": "x"}])
        return read_one(file, suite=str(folder)).samples[0].query

    assert query("1", "Please list the numbers one to ten, written in words") == "1"
    assert query("2", "Write in words one poem: ten lines on the numbers") == "2"
    with pytest.raises(UserError, match="its prompt is nearly that of `1`"):
        query("2", "Write out the numbers from one to ten in words")


def test_a_text_within_another_query_is_that_query(place: Any, read_one: Any) -> None:
    tasks = [
        "Write a function to find the largest number of a list",
        "Write a function to find the first letter of a word",
    ]
    place(
        "tasks/suite.yaml",
        "id: tasks\nversion: '1'\ntitle: T\nqueries: queries.jsonl\nmetrics: [text]\n",
    )
    texts = [
        f"You are a programmer. This is your task: {task}. Answer in Python." for task in tasks
    ]
    rows = [{"id": str(number), "text": text} for number, text in enumerate(texts)]
    suite = str(place("tasks/queries.jsonl", rows).parent)
    rows = [{"id": str(n), "prompt": task, "text": "x"} for n, task in enumerate(tasks)]
    assert len(read_one(place("a.jsonl", rows), suite=suite).samples) == 2
    moved = {**rows[0], "id": "1"}
    with pytest.raises(UserError, match=r"b\.jsonl:1: `1` names .* part of that of `0`"):
        read_one(place("b.jsonl", [moved]), suite=suite)
    del rows[0]["id"]
    assert read_one(place("c.jsonl", rows[:1]), suite=suite).samples[0].query == "0"
