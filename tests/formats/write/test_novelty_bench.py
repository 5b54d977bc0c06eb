"""pytest tests/formats/write/test_novelty_bench.py: a run as the benchmark's own files"""

import json
from pathlib import Path
from typing import Any

import pytest

from sfr_eval.errors import UserError
from sfr_eval.formats.export import export
from sfr_eval.pipeline.score import score_paths
from sfr_eval.suites.suite import load_suite

FILES = ("generations.jsonl", "partitions.jsonl", "scores.jsonl", "summary.json")
WEIGHTS = [0.8**i for i in range(10)]


def lines(count: int = 3) -> list[dict[str, Any]]:
    scores = [5.0, 10.0, 0, 2.0, 0, 0, 0, 0, 0, 0]
    return [
        {
            "id": id,
            "prompt": text,
            "model": "some/model",
            "generations": [f"{id} says {letter}" for letter in "abcdefghij"],
            "partition": [0, 1, 0, 2, 0, 0, 0, 0, 0, 0],
            "distinct": 2,
            "generation_scores": scores,
            "partition_scores": [5.0, 10.0, 2.0],
            "utility": sum(a * b for a, b in zip(WEIGHTS, scores, strict=True)) / sum(WEIGHTS),
        }
        for id, text in list(load_suite("noveltybench").queries.items())[:count]
    ]


def scored(folder: Path, rows: list[dict[str, Any]]) -> Path:
    """Import the rows as one of the benchmark's files and measure them."""
    folder.mkdir()
    file = folder / "scores.jsonl"
    file.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return score_paths([file], {"metrics": ("text", "novelty")}, output=folder / "run").folder


def test_scores_come_out_as_they_went_in(tmp_path: Path) -> None:
    run = scored(tmp_path / "in", lines())
    files = export(run, format="noveltybench", output=tmp_path / "out")
    assert [Path(file).name for file in files] == list(FILES)
    text = (tmp_path / "out/scores.jsonl").read_text()
    written = [json.loads(line) for line in text.splitlines()]
    assert [row | {"utility": 0} for row in written] == [row | {"utility": 0} for row in lines()]
    summary = json.loads((tmp_path / "out/summary.json").read_text())
    assert summary["mean_distinct"] == 3
    assert summary["mean_utility"] == pytest.approx(lines()[0]["utility"], abs=1e-12)


def test_without_classes_only_generations_are_written(tmp_path: Path) -> None:
    kept = ("id", "prompt", "model", "generations")
    rows = [{name: row[name] for name in kept} for row in lines()]
    run = scored(tmp_path / "in", rows)
    (file,) = export(run, format="noveltybench", output=tmp_path / "out")
    assert [json.loads(line) for line in Path(file).read_text().splitlines()] == rows


def test_a_suite_with_personas_is_refused(run: Path, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="has personas, which the format cannot name"):
        export(run, format="noveltybench", output=tmp_path)
