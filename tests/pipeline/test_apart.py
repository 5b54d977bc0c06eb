"""pytest tests/pipeline/test_apart.py"""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from sfr_eval.config import RunConfig
from sfr_eval.pipeline import apart
from sfr_eval.pipeline.job import Job
from sfr_eval.pipeline.run import execute
from sfr_eval.util.workers import Workers


def run(output: Path, *, workers: int) -> Path:
    config = RunConfig(
        model="world:cross=0.2",
        suite=("persona",),
        limit=6,
        samples=4,
        temperatures=(0.6, 1.0),
        output=output,
        metrics=("text", "facts", "lexical", "quality"),
        workers=workers,
    )
    execute(config)
    return output


def test_results_are_the_same_bytes_wherever_measured(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun: list[frozenset[str]] = []
    begin = apart.begin

    def watched(job: Job, workers: Workers) -> tuple[frozenset[str], Callable[[], Any]]:
        names, wait = begin(job, workers)
        begun.append(names)
        return names, wait

    monkeypatch.setattr(apart, "begin", watched)
    here, there = run(tmp_path / "here", workers=1), run(tmp_path / "there", workers=2)
    assert begun == [frozenset(), apart.FAMILIES]
    texts = [(folder / "results.json").read_text() for folder in (here, there)]
    assert texts[0] == texts[1]
    assert list(json.loads(texts[0])["signatures"])[-1] == "distinct_valid"  # the usual order
