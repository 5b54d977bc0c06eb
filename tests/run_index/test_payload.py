"""What the scripts of the index draw from."""

import json
from pathlib import Path

from sfr_eval.run_index.history import histories
from sfr_eval.run_index.payload import payload
from sfr_eval.run_index.runs import read_runs
from sfr_eval.store.results import Results
from tests.support.index_data import QUALITY, VARIETY, copy_run, write_training


def test_curves_are_those_of_the_results(source: Path, tmp_path: Path) -> None:
    copy_run(source, tmp_path / "a b")
    rows = read_runs([tmp_path])
    found = payload(rows, [])
    (run,) = found["runs"]
    assert run["folder"] == f"'{tmp_path}/a b'"  # as a shell takes it
    for metric, curve in run["curves"].items():
        stored = {
            row.temperature: (row.value, row.low, row.high)
            for row in Results.load(source).estimates
            if row.metric == metric and not row.persona
        }
        assert [t for t, *_ in curve] == [0.6, 1.0, 1.4]
        for t, *numbers in curve:
            for short, exact in zip(numbers, stored[t], strict=True):
                assert exact is not None
                assert abs(short - exact) <= 1e-6 * abs(exact)
    json.dumps(found, allow_nan=False)


def test_settings_that_runs_share_are_told_once(source: Path, tmp_path: Path) -> None:
    for name in "abc":
        copy_run(source, tmp_path / name)
    found = payload(read_runs([tmp_path]), [])
    assert len(found["settings"]) == 1
    assert [run["settings"] for run in found["runs"]] == [0, 0, 0]


def test_metrics_of_cards_come_first(source: Path, tmp_path: Path) -> None:
    copy_run(source, tmp_path / "run")
    metrics = payload(read_runs([tmp_path]), [])["metrics"]
    assert list(metrics)[:3] == [VARIETY, QUALITY, "length"]
    assert metrics[VARIETY]["direction"] == "lower"
    assert metrics[QUALITY]["possible"] == [0.0, 1.0]
    assert metrics["length"]["direction"] == ""


def test_trainings_name_their_runs_in_order(source: Path, tmp_path: Path) -> None:
    write_training(source, tmp_path / "sft", {20: (0.2, 0.1, 0.3), 3: (0.3, 0.2, 0.4)})
    rows = read_runs([tmp_path])
    (history,) = payload(rows, histories(rows))["histories"]
    (training,) = history["trainings"]
    assert [rows[number].step for number in training["runs"]] == [3, 20]
