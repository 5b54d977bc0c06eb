"""promptfoo's exports."""

import json
from typing import Any

import pytest

from sfr_eval.errors import UserError


def result(asked: str, output: Any, *, provider: Any = "openai:small", **response: Any) -> Any:
    turns = json.dumps(
        [{"role": "system", "content": "Be brief."}, {"role": "user", "content": asked}]
    )
    return {
        "prompt": {"raw": turns, "label": "p"},
        "provider": {"id": provider, "label": ""} if isinstance(provider, str) else provider,
        "vars": {"topic": asked},
        "response": {"output": output, **response},
        "success": True,
        "testIdx": 0,
        "promptIdx": 0,
    }


def export(*results: Any) -> str:
    stats = {"successes": len(results)}
    body = {"version": 3, "prompts": [], "results": list(results), "stats": stats}
    return json.dumps({"evalId": "eval-1", "results": body, "config": {}}, indent=2)


def test_outputs_are_read_by_provider(place: Any, read_all: Any) -> None:
    labelled = {"id": "x", "label": "mine", "config": {"temperature": 0.4}}
    runs = read_all(
        place(
            "results.json",
            export(
                result("Why is it so?", "a"),
                result("Why is it so?", "b"),
                result("Why is it so?", "c", provider=labelled),
                result("Who are you?", None, error="timed\nout"),
            ),
        )
    )
    assert list(runs) == ["openai:small", "mine"]
    run = runs["openai:small"]
    assert [(s.status, s.text, s.error) for s in run.samples] == [
        ("ok", "a", ""),
        ("ok", "b", ""),
        ("error", "", "timed out"),
    ]
    assert run.suite.prompts()[0].messages[0].content == "Be brief."
    assert {s.temperature for s in runs["mine"].samples} == {0.4}


def test_copies_from_the_cache_are_refused(place: Any, read_one: Any) -> None:
    once = export(result("Why is it so?", "a", cached=True), result("Who are you?", "b"))
    assert len(read_one(place("once.json", once)).samples) == 2
    twice = export(result("Why is it so?", "a"), result("Why is it so?", "a", cached=True))
    with pytest.raises(UserError, match=r"result 2: .* read from promptfoo's cache"):
        read_one(place("twice.json", twice))


def test_outputs_that_are_no_texts_are_named(place: Any, read_one: Any) -> None:
    with pytest.raises(UserError, match=r"result 1: response\.output is dict, not a text"):
        read_one(place("a.json", export(result("Why is it so?", {"a": 1}))))


def test_lines_of_results_are_the_same_export(place: Any, read_all: Any) -> None:
    rows = [result("Why so?", t, provider=p) for p in ("a:x", "b:y") for t in ("one", "two")]
    runs = read_all(place("results.jsonl", rows))
    assert {name: run.replies for name, run in runs.items()} == {
        name: [("Why so?", "one"), ("Why so?", "two")] for name in ("a:x", "b:y")
    }
