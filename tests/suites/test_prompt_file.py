"""pytest tests/suites/test_prompt_file.py"""

import json
from pathlib import Path
from typing import Any

import pytest

from sfr_eval.errors import UserError
from sfr_eval.suites.problems.source import HubData
from sfr_eval.suites.prompt_file import prompt_suite
from sfr_eval.suites.suite import Suite


def suite_of(folder: Path, *rows: Any, field: str | None = None) -> Suite:
    """Return the suite of a JSONL file of these rows."""
    file = folder / "My prompts.jsonl"
    file.write_text("\n".join(map(json.dumps, rows)))
    return prompt_suite(str(file), field=field)


def test_a_text_file_has_a_prompt_a_line(tmp_path: Path) -> None:
    file = tmp_path / "prompts.txt"
    file.write_text("Write a haiku.\n\nName a state.\n")
    suite = prompt_suite(str(file))
    assert (suite.id, suite.spec.title) == ("prompts", "prompts.txt")
    assert suite.queries == {"p1": "Write a haiku.", "p2": "Name a state."}
    assert suite.spec.temperatures == (1.0,)


@pytest.mark.parametrize(
    ("row", "asked"),
    [
        ({"prompt": "Tea?"}, "Tea?"),
        ({"instruction": "Tea?", "input": "", "output": "Yes."}, "Tea?"),
        ({"instruction": "Sum up:", "input": "Tea is hot."}, "Sum up:\n\nTea is hot."),
        ({"instruction": "Tea?", "input": "", "output": "Yes.", "text": "### All of it"}, "Tea?"),
        (
            {"instruction": "Sum up:", "input": "Tea is hot.", "output": "Hot."},
            "Sum up:\n\nTea is hot.",
        ),
        ({"question": "Tea?", "answer": "Yes"}, "Tea?"),
        ({"messages": [{"role": "user", "content": "Tea?"}]}, "Tea?"),
        ({"conversations": [{"from": "human", "value": "Tea?"}]}, "Tea?"),
        ("Tea?", "Tea?"),
    ],
)
def test_the_prompt_is_found_where_it_is_plain(tmp_path: Path, row: Any, asked: str) -> None:
    assert list(suite_of(tmp_path, row).queries.values()) == [asked]


def test_what_the_assistant_says_last_is_a_reference(tmp_path: Path) -> None:
    chat = [
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": "Tea?"},
        {"role": "assistant", "content": "Yes."},
    ]
    other = [*chat[:2], {"role": "assistant", "content": "No."}]
    suite = suite_of(tmp_path, {"messages": chat}, {"messages": other})
    (row,) = suite.rows.values()
    assert row.references == ("Yes.", "No.")
    assert [turn.role for turn in row.messages] == ["system", "user"]


def test_the_history_of_an_alpaca_row_comes_before_its_question(tmp_path: Path) -> None:
    row = {"instruction": "And milk?", "input": "", "output": "No.", "history": [["Tea?", "Yes."]]}
    (query,) = suite_of(tmp_path, row).rows.values()
    assert [turn.content for turn in query.messages] == ["Tea?", "Yes.", "And milk?"]
    assert query.references == ("No.",)


def test_ids_categories_and_systems_are_kept(tmp_path: Path) -> None:
    row = {"id": "Ask/1", "prompt": "Tea?", "category": "drinks", "system": "Be brief."}
    suite = suite_of(tmp_path, row)
    assert list(suite.rows) == ["Ask-1"]
    assert suite.rows["Ask-1"].category == "drinks"
    assert [m.content for m in suite.prompts()[0].messages] == ["Be brief.", "Tea?"]


def test_an_id_that_names_two_prompts_is_none(tmp_path: Path) -> None:
    suite = suite_of(tmp_path, {"id": 1, "prompt": "Tea?"}, {"id": 1, "prompt": "Milk?"})
    assert suite.queries == {"p1": "Tea?", "p2": "Milk?"}


def test_a_field_inside_another_is_named_with_dots(tmp_path: Path) -> None:
    assert list(suite_of(tmp_path, {"doc": {"q": "Tea?"}}, field="doc.q").queries.values()) == [
        "Tea?"
    ]
    with pytest.raises(UserError, match=r"--prompt-field doc.p: no field `p`; known: q"):
        suite_of(tmp_path, {"doc": {"q": "Tea?"}}, field="doc.p")


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ({"prompt": "a", "question": "b"}, "the prompt may be prompt or question; name it with"),
        ({"body": "a"}, "no prompt among the fields body; name it with --prompt-field"),
        ({"prompt": " "}, "prompt: is empty"),
        ({"prompt": 3}, "prompt: is int, neither text nor messages"),
        ({"messages": [{"role": "robot", "content": "x"}]}, "messages: role"),
        ({"messages": [{"role": "assistant", "content": "x"}]}, "has no message of the user"),
        (3, "must be an object or a text, not int"),
    ],
)
def test_a_row_without_a_plain_prompt_is_refused(tmp_path: Path, row: Any, message: str) -> None:
    with pytest.raises(UserError) as error:
        suite_of(tmp_path, row)
    assert message in str(error.value)


def test_all_mistakes_are_named_at_once(tmp_path: Path) -> None:
    with pytest.raises(UserError) as error:
        suite_of(tmp_path, {"prompt": "Tea?"}, {"body": 1}, {"prompt": ""}, 7)
    first, *mistakes = str(error.value).split("\n")
    assert first.endswith("3 mistakes:")
    for line, mistake in zip((2, 3, 4), mistakes, strict=True):
        assert f"jsonl:{line}" in mistake


def test_an_empty_file_holds_no_prompt(tmp_path: Path) -> None:
    (tmp_path / "none.txt").write_text("\n")
    with pytest.raises(UserError, match=r"none\.txt: holds no prompt"):
        prompt_suite(str(tmp_path / "none.txt"))


def test_a_data_set_on_the_hub_is_named_by_id_revision_and_split(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    asked: list[HubData] = []

    def rows(data: HubData, *, suite: str) -> list[dict[str, str]]:
        asked.append(data)
        return [{"question": "Tea?"}, {"question": "Milk?"}]

    monkeypatch.setattr(HubData, "rows", rows)
    suite = prompt_suite("hub:somebody/Questions@abc:test")
    assert (suite.id, list(suite.queries.values())) == ("questions", ["Tea?", "Milk?"])
    assert asked == [HubData(repository="somebody/Questions", revision="abc", split="test")]


def test_a_data_set_that_is_not_there_is_one_line() -> None:
    with pytest.raises(UserError) as error:
        prompt_suite("hub:somebody/none")
    assert str(error.value).startswith("--prompts hub:somebody/none: ")
    assert str(error.value).endswith(", or give a file")
