"""pytest tests/formats/read/test_novelty_bench.py: the benchmark's three files, and its archive"""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from sfr_eval.errors import UserError
from sfr_eval.formats.read.folder import foreign_files
from sfr_eval.formats.read.novelty_bench import TEMPERATURE
from sfr_eval.store.given import read_given
from sfr_eval.store.manifest import Manifest
from sfr_eval.store.run_folder import RunFolder
from sfr_eval.suites.suite import load_suite
from tests.support.imported import import_generations

Row = dict[str, Any]
QUERIES = load_suite("noveltybench").queries


def rows(count: int = 3) -> list[Row]:
    """Lines of scores.jsonl, out of the suite's order."""
    return [
        {
            "id": id,
            "prompt": text,
            "model": "some/model",
            "generations": [f"{id} {letter}" for letter in "abcd"],
            "partition": [0, 1, 0, 2],
            "distinct": 2,  # the published files hold the last class, not their number
            "generation_scores": [5, 10, 0, 1],
            "partition_scores": [5, 10, 1],
            "utility": 4.2,
        }
        for id, text in reversed(list(QUERIES.items())[:count])
    ]


def without(lines: list[Row], *names: str) -> list[Row]:
    return [{name: row[name] for name in row if name not in names} for row in lines]


def as_generations(lines: list[Row]) -> list[Row]:
    return without(lines, *(name for name in lines[0] if name not in KEPT))


KEPT = ("id", "prompt", "model", "generations")


@pytest.fixture
def read(tmp_path: Path) -> Callable[..., RunFolder]:
    """Write files of one folder and import the first."""

    def write_and_import(**files: list[Row]) -> RunFolder:
        for name, lines in files.items():
            path = tmp_path / f"{name}.jsonl"
            path.write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8")
        first = tmp_path / f"{next(iter(files))}.jsonl"
        folder, _ = import_generations([first], suite=None, output=tmp_path / "run")
        return folder

    return write_and_import


def groups_and_scores(folder: RunFolder) -> list[tuple[int | None, float | None]]:
    given = read_given(folder.path)
    samples = folder.sealed_samples()
    facts = [given[sample.sample_id] for sample in samples if sample.sample_id in given]
    return [(fact.group, fact.score) for fact in facts]


FULL = [(0, 5.0), (1, 10.0), (0, 0.0), (2, 1.0)] * 3


def test_scores_bring_suite_model_classes_and_scores(read: Callable[..., RunFolder]) -> None:
    folder = read(scores=rows())
    manifest = Manifest.load(folder.path)
    assert (manifest.plan[0].suite, manifest.name) == ("noveltybench", "some/model")
    assert [s.query for s in folder.sealed_samples()][::4] == list(QUERIES)[:3]
    assert groups_and_scores(folder) == FULL


@pytest.mark.parametrize("named", ["generations", "partitions", "scores"])
def test_each_file_takes_what_the_others_add(named: str, read: Callable[..., RunFolder]) -> None:
    files = {
        "generations": as_generations(rows()),
        "partitions": without(rows(), "generation_scores", "partition_scores", "utility"),
        "scores": rows(),
    }
    folder = read(**{named: files[named]}, **{n: f for n, f in files.items() if n != named})
    assert groups_and_scores(folder) == FULL
    warnings = Manifest.load(folder.path).imported.warnings
    assert TEMPERATURE in warnings
    assert not any("belongs to other replies" in warning for warning in warnings)


def test_a_folder_stands_for_its_fullest_file(read: Callable[..., RunFolder]) -> None:
    run = read(generations=as_generations(rows()), scores=rows())
    folder = run.path.parent
    assert foreign_files([folder]) == [folder / "scores.jsonl"]
    (folder / "scores.jsonl").unlink()
    assert foreign_files([folder]) == [folder / "generations.jsonl"]


def test_generations_alone_give_no_classes(read: Callable[..., RunFolder]) -> None:
    assert groups_and_scores(read(generations=as_generations(rows()))) == []


def test_classes_of_other_replies_are_not_taken(read: Callable[..., RunFolder]) -> None:
    others = rows()
    others[0]["generations"][2] = "drawn again"
    folder = read(generations=as_generations(rows()), scores=others)
    assert groups_and_scores(folder) == FULL[:8]
    warnings = Manifest.load(folder.path).imported.warnings
    assert any("belongs to other replies or classes for 1 of 3" in line for line in warnings)


def test_a_null_generation_is_no_reply(read: Callable[..., RunFolder]) -> None:
    lines = as_generations(rows())
    lines[0]["generations"][1] = None
    folder = read(generations=lines)
    assert [s.status for s in folder.sealed_samples()].count("error") == 1


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"prompt": "Another question?"}, "is another question in suite noveltybench"),
        ({"id": "curated-100", "prompt": "Another?"}, "is not in suite noveltybench"),
        ({"partition": [0, 1]}, "partition: has 2 numbers for 4 generations"),
        ({"generation_scores": [1]}, "generation_scores: has 1 numbers for 4"),
    ],
)
def test_a_wrong_line_is_one_line(
    change: Row, message: str, read: Callable[..., RunFolder]
) -> None:
    lines = rows()
    lines[0] |= change
    with pytest.raises(UserError, match=message) as error:
        read(scores=lines)
    assert "\n" not in str(error.value)


def test_a_doubled_prompt_is_refused(read: Callable[..., RunFolder]) -> None:
    with pytest.raises(UserError, match="rows are doubled"):
        read(scores=[*rows(), rows()[0]])
