"""What the manifest of an import says."""

from typing import Any

import pytest

from sfr_eval.errors import UserError
from sfr_eval.formats.read.folder import foreign_files


def rows(model: str = "", **more: Any) -> list[dict[str, Any]]:
    return [
        {"prompt": f"Why is {n} so?", "response": f"{n} {k}", **({"model": model} if model else {})}
        | more
        for n in ("one", "two", "six")
        for k in range(2)
    ]


def test_the_plan_is_that_of_the_rows(place: Any, read_one: Any) -> None:
    manifest = read_one(place("mine.jsonl", rows(temperature=0.7))).manifest
    (part,) = manifest.plan
    assert (part.suite, part.title, part.queries, part.samples) == ("mine", "mine.jsonl", 3, 2)
    assert part.temperatures == (0.7,)
    assert manifest.imported.files == ("mine.jsonl",)
    assert manifest.config.suite == ()
    assert manifest.imported.warnings == ()


def test_missing_queries_make_a_run_partial(place: Any, read_one: Any, quiz: str) -> None:
    file = place("a.jsonl", [{"query": n, "text": "x"} for n in "12"])
    run = read_one(file, suite=quiz)
    assert run.manifest.status == "partial"
    assert "Only 2 of the 3 queries of suite quiz have replies, and all numbers are of those 2" in (
        run.said
    )


def test_models_are_runs_of_their_own(place: Any, read_all: Any) -> None:
    both = place("both.jsonl", rows("a/x") + rows("a-x"))
    runs = read_all(both)
    assert [run.folder.name for run in runs.values()] == ["a-x-1", "a-x-2"]
    files = [place("one.jsonl", rows("x")), place("two.jsonl", rows("y", temperature=0.5))]
    assert list(read_all(*files)) == ["x", "y"]
    with pytest.raises(UserError, match=r"half\.jsonl:7: `model` names no model"):
        read_all(place("half.jsonl", rows("x") + rows()))


def test_the_same_command_again_finds_its_folder(place: Any, read_one: Any) -> None:
    file = place("mine.jsonl", rows())
    first, again = read_one(file), read_one(file)
    assert first.manifest == again.manifest


def test_folders_are_named_as_what_they_are(place: Any) -> None:
    for file, says in (
        ("set/data.parquet", "is a folder of parquet files and not a run folder; name the files"),
        ("disk/dataset_info.json", "is a data set in Arrow files"),
        ("model/config.json", "is a checkpoint; sample it with"),
        ("suite/suite.yaml", "is a suite; name the generations"),
        ("other/readme.md", "not a run folder"),
    ):
        with pytest.raises(UserError, match=rf"score .*: .*{says}"):
            foreign_files([place(file, "x").parent])
