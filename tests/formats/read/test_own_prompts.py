"""Suites made of the prompts of rows: ids, personas, system prompts."""

from typing import Any

import pytest

from sfr_eval.errors import UserError

PROMPTS = ("Why is rust red?", "How deep is the sea?")


def rows(**by_prompt: Any) -> list[dict[str, Any]]:
    return [
        {"prompt": prompt, "response": f"{number} {copy}"}
        | {name: value(number) for name, value in by_prompt.items()}
        for number, prompt in enumerate(PROMPTS)
        for copy in range(2)
    ]


def test_ids_are_kept_if_every_prompt_has_one_of_its_own(place: Any, read_one: Any) -> None:
    run = read_one(place("a.jsonl", rows(prompt_id=lambda n: f"own {n}")))
    assert list(run.suite.queries) == ["own-0", "own-1"]


def test_ids_that_are_of_replies_or_shared_become_numbers(place: Any, read_one: Any) -> None:
    by_reply = [{**row, "id": number} for number, row in enumerate(rows())]
    assert list(read_one(place("a.jsonl", by_reply)).suite.queries) == ["q1", "q2"]
    shared = rows(task_id=lambda n: "same")
    assert list(read_one(place("b.jsonl", shared)).suite.queries) == ["q1", "q2"]


def test_categories_have_the_names_that_prompt_files_know(place: Any, read_one: Any) -> None:
    run = read_one(place("a.jsonl", rows(subject=lambda n: ["iron", "water"][n])))
    assert [row.category for row in run.suite.rows.values()] == ["iron", "water"]


def test_system_prompts_are_part_of_what_is_asked(place: Any, read_one: Any) -> None:
    two = rows(system=lambda n: "Be brief.") + rows(system=lambda n: "Be kind.")
    run = read_one(place("a.jsonl", two))
    assert len(run.suite.queries) == 4
    assert {p.messages[0].content for p in run.suite.prompts()} == {"Be brief.", "Be kind."}


def test_personas_are_personas_with_their_system_prompt(place: Any, read_one: Any) -> None:
    two = rows(persona=lambda n: "Sea Captain", system_prompt=lambda n: "You sail.")
    two += rows(persona=lambda n: "Judge", system_prompt=lambda n: "You judge.")
    run = read_one(place("a.jsonl", two))
    assert {id: card.system for id, card in run.suite.personas.items()} == {
        "sea-captain": "You sail.",
        "judge": "You judge.",
    }
    assert len(run.suite.queries) == 2
    assert {s.persona for s in run.samples} == {"sea-captain", "judge"}


def test_personas_must_be_of_all_rows_and_of_one_card(place: Any, read_one: Any) -> None:
    half = rows(persona=lambda n: "judge")[:2] + rows()[2:]
    with pytest.raises(UserError, match=r"a\.jsonl:3: has no persona, unlike the rows before"):
        read_one(place("a.jsonl", half))
    two = rows(persona=lambda n: "judge", system=lambda n: f"Card {n}")
    with pytest.raises(UserError, match=r"b\.jsonl:3: persona `judge` has another system prompt"):
        read_one(place("b.jsonl", two))


def test_the_suite_is_the_same_for_every_model(place: Any, read_all: Any) -> None:
    two = rows(model=lambda n: "org/a") + rows(model=lambda n: "org/b")[:2]
    runs = read_all(place("a.jsonl", two))
    assert set(runs) == {"org/a", "org/b"}
    assert {run.folder.name for run in runs.values()} == {"org-a", "org-b"}
    first, second = runs.values()
    assert first.manifest.plan[0].version == second.manifest.plan[0].version
    assert first.manifest.model.fingerprint != second.manifest.model.fingerprint
    assert (first.manifest.status, second.manifest.status) == ("complete", "partial")
    assert "Only 1 of the 2 queries" in second.said


def test_personas_of_any_name_have_ids_of_their_own(place: Any, read_one: Any) -> None:
    names = ("Dr. No", "dr-no", "海盗", "船长")
    four = [row for name in names for row in rows(persona=lambda n, name=name: name)]
    run = read_one(place("a.jsonl", four))
    assert {id: card.name for id, card in run.suite.personas.items()} == dict(
        zip(("dr-no", "p2", "p3", "p4"), names, strict=True)
    )


def test_ids_that_no_file_could_have_become_numbers(place: Any, read_one: Any) -> None:
    two = rows(id=lambda n: ("海", "盗")[n])
    assert list(read_one(place("a.jsonl", two)).suite.queries) == ["q1", "q2"]
