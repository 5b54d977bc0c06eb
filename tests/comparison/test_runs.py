"""pytest tests/comparison/test_runs.py"""

import math
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest

from sfr_eval.comparison.compare import compare_runs
from sfr_eval.comparison.runs import open_runs
from sfr_eval.errors import UserError
from sfr_eval.store.run_folder import RunFolder
from sfr_eval.store.scores import read_scores, score_files
from sfr_eval.types import Sample
from tests.support.changed_runs import WHOLE, copy, edit
from tests.support.compare_data import write_world_run


def test_means_over_the_first_replies_alone(tmp_path: Path) -> None:
    """Replies 0 and 1 are valid, 2 and 3 are not: the mean of two is 1, of four 0.5."""

    def spoil(samples: list[Sample]) -> list[Sample]:
        return [replace(s, text="x") if s.index > 1 else s for s in samples]

    (run,) = open_runs([write_world_run(tmp_path / "half", WHOLE, queries=2, change=spoil)])
    prompt = min(run.prompts["persona"])
    assert run.values("persona", "oracle_valid")[1.0][prompt] == 0.5
    cut = run.values("persona", "oracle_valid", most={(1.0, *prompt): 2})
    assert cut[1.0][prompt] == 1.0
    assert cut[0.6][prompt] == 0.5


def test_values_are_the_means_of_each_metric_and_prompt(runs: dict[str, Path]) -> None:
    groups: dict[tuple[str, float, str, str], list[float]] = {}
    for file in score_files(runs["narrow"]):
        for row in read_scores(file).to_pylist():
            cell = (row["metric"], row["temperature"], row["query"], row["persona"])
            if row["value"] is not None:
                groups.setdefault(cell, []).append(row["value"])
    (run,) = open_runs([runs["narrow"]])
    values = {
        (metric, temperature, *prompt): value
        for metric in run.suites["persona"].metrics
        for temperature, prompts in run.values("persona", metric).items()
        for prompt, value in prompts.items()
    }
    assert {metric for metric, *_ in values} > {"oracle_valid", "length", "self_bleu_4"}
    assert values == pytest.approx(
        {cell: math.fsum(group) / len(group) for cell, group in groups.items()}
    )


def lose_length(file: Path) -> None:
    table = pq.read_table(file)
    pq.write_table(table.filter(pc.not_equal(table["metric"], "length")), file)


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        (lambda run: (run / "manifest.json").unlink(), "not a run folder"),
        (lambda run: (run / "results.json").unlink(), "no results.json; run `sfr-eval score`"),
        (lambda run: shutil.rmtree(run / "scores"), "is missing.*sfr-eval score"),
        (
            lambda run: [f.write_bytes(b"PAR1") for f in (run / "scores").iterdir()],
            "damaged; run `sfr-eval score",
        ),
        (lambda run: [*map(lose_length, score_files(run))], "disagree .*has no length"),
    ],
)
def test_a_folder_that_is_no_scored_run_is_one_line(
    runs: dict[str, Path], tmp_path: Path, damage: Callable[[Path], Any], said: str
) -> None:
    broken = copy(runs["narrow"], tmp_path / "broken")
    damage(broken)
    with pytest.raises(UserError, match=said):
        compare_runs(runs["whole"], broken)


def test_a_suite_without_replies_is_one_line(runs: dict[str, Path], tmp_path: Path) -> None:
    run = RunFolder(copy(runs["whole"], tmp_path / "run"))
    results = run.results_file.read_bytes()
    digest = run.seal([replace(sample, suite="other") for sample in run.sealed_samples()])
    run.results_file.write_bytes(results)
    edit(run.path, "manifest.json", lambda manifest: manifest.update(sealed=digest))
    with pytest.raises(UserError, match=r"samples\.parquet: has no reply of suite persona, of"):
        open_runs([run.path])
