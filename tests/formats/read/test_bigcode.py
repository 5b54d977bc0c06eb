"""bigcode's generations.json: lists of texts, in the order of the problems."""

import json
from pathlib import Path
from typing import Any

import pytest

from sfr_eval.errors import UserError


def test_lists_answer_the_problems_in_order(place: Any, read_one: Any, problems: Path) -> None:
    lists = [["def double(n): ...", "two"], ["def halve(n): ..."], ["def negate(n): ..."]]
    for indent in (None, 1):
        file = place("generations.json", json.dumps(lists, indent=indent))
        run = read_one(file, suite="humaneval", code={"data": str(problems)})
        assert [(s.query, s.text) for s in run.samples] == [
            ("Own/0", "def double(n): ..."),
            ("Own/0", "two"),
            ("Own/1", "def halve(n): ..."),
            ("Own/2", "def negate(n): ..."),
        ]
        assert run.manifest.imported.format == "bigcode"


def test_the_prompt_before_a_completion_is_taken_off(
    place: Any, read_one: Any, problems: Path
) -> None:
    prompt = json.loads(problems.read_text().splitlines()[0])["prompt"]
    file = place("generations.json", json.dumps([[prompt + "    return 2 * n\n"]]))
    code = {"data": str(problems), "prompt_form": "completion"}
    run = read_one(file, suite="humaneval", code=code)
    assert run.samples[0].text.strip("\n") == "    return 2 * n"


def test_other_numbers_of_lists_are_said_or_refused(
    place: Any, read_one: Any, problems: Path
) -> None:
    code = {"data": str(problems)}
    run = read_one(place("a.json", json.dumps([["x"]])), suite="humaneval", code=code)
    assert "its 1 lists are taken as the first of suite humaneval" in run.said
    assert run.manifest.status == "partial"
    with pytest.raises(UserError, match="holds 4 lists, and suite humaneval has 3"):
        read_one(place("b.json", json.dumps([["x"]] * 4)), suite="humaneval", code=code)
    with pytest.raises(UserError, match=r"lists of texts without prompts; .*--suite"):
        read_one(place("c.json", json.dumps([["x"]])))


def test_a_null_is_a_failed_reply(place: Any, read_one: Any, problems: Path) -> None:
    file = place("generations.json", json.dumps([["x"], [None], ["y"]]))
    run = read_one(file, suite="humaneval", code={"data": str(problems)})
    assert [s.status for s in run.samples] == ["ok", "error", "ok"]
