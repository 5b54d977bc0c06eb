"""Trainings over their steps."""

from pathlib import Path

from sfr_eval.run_index.history import histories
from sfr_eval.run_index.runs import read_runs
from sfr_eval.store.manifest import Manifest
from tests.support.index_data import QUALITY, SIX, VARIETY, copy_run, write_training


def test_six_checkpoints_make_one_training(source: Path, tmp_path: Path) -> None:
    write_training(source, tmp_path / "sft", SIX)
    (history,) = histories(read_runs([tmp_path]))
    assert (history.suite, history.metrics) == ("persona", (VARIETY, QUALITY, "length"))
    (training,) = history.trainings
    assert training.name == "sft"
    values = {
        step: (e.value, e.low, e.high) for step, e in training.values(VARIETY, temperature=1.0)
    }
    assert values == SIX
    assert history.temperatures == (0.6, 1.0, 1.4)
    others = [e.value for _, e in training.values(VARIETY, temperature=0.6)]
    assert len(set(others)) == 1  # of the copied run


def test_two_trainings_are_two_series(source: Path, tmp_path: Path) -> None:
    write_training(source, tmp_path / "sft", SIX)
    write_training(source, tmp_path / "sfr", dict(list(SIX.items())[:2]))
    (history,) = histories(read_runs([tmp_path]))
    assert [(t.name, len(t.rows)) for t in history.trainings] == [("sfr", 2), ("sft", 6)]


def test_other_settings_split_a_training_and_are_named(source: Path, tmp_path: Path) -> None:
    write_training(source, tmp_path / "sft", SIX)
    plan = Manifest.load(source).stored()["plan"]
    for step in (100, 200):
        folder = tmp_path / "again" / "sft" / f"checkpoint-{step}"
        copy_run(source, folder, about={"plan": [plan[0] | {"samples": 8}]})
    rows = read_runs([tmp_path])
    names = [t.name for t in histories(rows)[0].trainings]
    assert names == ["again/sft (k 8)", "sft (k 4)"]


def test_a_single_step_is_no_history(source: Path, tmp_path: Path) -> None:
    write_training(source, tmp_path / "sft", {100: (0.2, 0.1, 0.3)})
    copy_run(source, tmp_path / "base")
    assert histories(read_runs([tmp_path])) == []


def test_checkpoints_without_numbers_are_left_out(source: Path, tmp_path: Path) -> None:
    folders = write_training(source, tmp_path / "sft", SIX)
    (folders[-1] / "results.json").unlink()
    (history,) = histories(read_runs([tmp_path]))
    assert [row.step for row in history.trainings[0].rows] == [0, 100, 200, 400, 800]
