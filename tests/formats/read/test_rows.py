"""Plain rows: places, doubled rows, uneven numbers of replies."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from sfr_eval.errors import UserError
from sfr_eval.formats.read.folder import import_generations
from sfr_eval.formats.read.mapping import Fields, longest_inside
from sfr_eval.report.warnings import warnings
from sfr_eval.store.manifest import Manifest
from sfr_eval.store.results import SuiteResults
from sfr_eval.suites.suite import load_suite

Row = dict[str, Any]
Import = Callable[..., dict[str, Any]]


@pytest.fixture(scope="module")
def rows() -> list[Row]:
    queries = list(load_suite("persona").queries)[:4]
    return [
        {"query": query, "persona": "pirate", "text": f"{query} {letter}", "temperature": 0.7}
        for query in queries
        for letter in "ab"
    ]


@pytest.fixture
def read(tmp_path: Path) -> Import:
    """Import rows, one list a file; returns the manifest."""

    def write_and_import(*files: list[Row], fields: Fields | None = None) -> Manifest:
        paths = []
        for number, content in enumerate(files):
            paths.append(tmp_path / f"part{number}.jsonl")
            paths[-1].write_text("".join(json.dumps(row) + "\n" for row in content))
        folder, _ = import_generations(
            paths, suite="persona", output=tmp_path / "run", fields=fields
        )
        return Manifest.load(folder.path)

    return write_and_import


def test_ordinary_rows_raise_no_suspicion(read: Import, rows: list[Row]) -> None:
    manifest = read(rows)
    (missing,) = manifest.imported.warnings
    assert missing.startswith("Only 4 of the 148 queries of suite persona have replies (missing: ")
    assert (manifest.samples, manifest.plan[0].samples) == (8, 2)
    assert manifest.identity.sampling == "unknown"


def test_shards_of_one_prompt_are_put_together(read: Import, rows: list[Row]) -> None:
    manifest = read(rows[::2], rows[1::2])
    assert (manifest.samples, manifest.plan[0].samples) == (8, 2)
    with pytest.raises(UserError, match="the same content is named twice"):
        read(rows, rows)


def test_copies_at_temperature_0_are_refused(read: Import, rows: list[Row]) -> None:
    greedy = [{**row, "temperature": 0} for row in rows]
    with pytest.raises(UserError, match=r"part0\.jsonl:2: a second reply .* total collapse"):
        read(greedy)
    assert read(greedy[::2]).plan[0].temperatures == (0.0,)


def test_doubled_rows_are_flagged_and_doubled_ids_refused(read: Import, rows: list[Row]) -> None:
    assert "are the rows doubled?" in read(rows + rows).imported.warnings[1]


@pytest.mark.parametrize(
    ("first", "says"),
    [
        ({"sample_id": "x"}, "sample_id x is already in"),
        ({"index": 0}, r"reply 0 to .* is already in .*:1"),
    ],
)
def test_one_id_or_place_twice_is_refused(
    read: Import, rows: list[Row], first: Row, says: str
) -> None:
    with pytest.raises(UserError, match=rf"jsonl:2: {says}.*doubled"):
        read([{**rows[0], **first}, {**rows[1], **first}])


def test_warnings_of_an_import_reach_the_report(read: Import, rows: list[Row]) -> None:
    manifest = read(rows[:-1])
    said = "Prompts have between 1 and 2 replies"
    assert said in manifest.imported.warnings[1]
    suite = SuiteResults(
        id="persona",
        title="",
        personas={},
        temperatures=(0.7,),
        samples=2,
        estimates={},
        truth={},
        notes={},
        similarity={},
    )
    assert any(said in line for line in warnings(suite, [], manifest))


def test_other_names_of_the_fields(read: Import, rows: list[Row]) -> None:
    foreign = [
        {"meta": {"q": row["query"]}, "who": row["persona"], "text": row["text"]} for row in rows
    ]
    with pytest.raises(UserError, match=r"names a query of suite persona .* --query-field"):
        read(foreign)
    manifest = read(foreign, fields=Fields(query="meta.q", persona="who"))
    assert [persona.id for persona in manifest.plan[0].personas] == ["pirate"]


def test_a_text_inside_a_longer_one_is_not_a_second_match() -> None:
    texts = {"a": "How do I make tea?", "b": "tea?", "c": "Coffee?"}
    assert longest_inside("Q: How do I make tea?", texts) == ["a"]
    assert longest_inside("tea?", texts) == ["b"]
    assert longest_inside("How do I make tea? Coffee?", texts) == ["a", "c"]
    assert longest_inside("", {"a": ""}) == []
