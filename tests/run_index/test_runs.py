"""Rows of an index: what a run folder says, and what stands in the row of one that is not whole."""

import os
from pathlib import Path

import pytest

from sfr_eval.report.scoreboard import scoreboard
from sfr_eval.run_index.runs import RunCache, read_runs, rows_of
from sfr_eval.run_index.steps import StepRules
from sfr_eval.run_index.tree import find_tree
from sfr_eval.store.manifest import Manifest
from sfr_eval.store.results import Results, read_suites
from sfr_eval.util.lock import Owner
from tests.support.index_data import GONE, QUALITY, VARIETY, change, copy_run, owned_by


def test_a_row_says_what_the_folder_does(source: Path, tmp_path: Path) -> None:
    session = {"date": "2026-11-30T18:03Z", "samples": 216}
    folder = copy_run(source, tmp_path / "sft" / "step-40", about={"last_session": session})
    (row,) = read_runs([tmp_path])
    assert (row.place, row.name, row.model) == ("sft/step-40", "sft/step-40", "sft/step-40")
    assert (row.suite, row.queries, row.samples) == ("persona", 6, 4)
    assert (row.date, row.date_recorded) == ("2026-11-30 18:03", True)
    assert (row.step, row.series, row.decoder) == (40, "sft", "no filters")
    assert (row.status, row.done, row.planned) == ("complete", 216, 216)
    assert row.report == folder / "report.html"
    assert row.whole


def test_headline_values_are_those_of_the_runs_own_board(source: Path, tmp_path: Path) -> None:
    copy_run(source, tmp_path / "run")
    (suite,) = read_suites(Manifest.load(source), Results.load(source))
    for temperature in (1.0, 0.6):
        (row,) = read_runs([tmp_path], temperature=temperature)
        cards = scoreboard(suite, temperature=temperature).cards
        assert [(s.role, s.estimate) for s in row.scores] == [(c.role, c.estimate) for c in cards]
        assert [s.metric for s in row.scores] == [VARIETY, QUALITY, "length"]
        assert row.temperature == temperature
    assert set(row.curves[VARIETY]) == {0.6, 1.0, 1.4}


def test_the_nearest_measured_temperature_is_taken(source: Path, tmp_path: Path) -> None:
    copy_run(source, tmp_path / "run")
    (row,) = read_runs([tmp_path], temperature=2.0)
    assert row.temperature == 1.4


def test_an_older_run_takes_its_date_from_its_files(source: Path, tmp_path: Path) -> None:
    folder = copy_run(source, tmp_path / "run")
    (folder / "samples").mkdir()
    os.utime(folder / "samples", (86_400, 86_400))
    (row,) = read_runs([tmp_path])
    assert (row.date, row.date_recorded) == ("1970-01-02 00:00", False)


def test_damage_is_one_row_and_stops_no_other(source: Path, tmp_path: Path) -> None:
    copy_run(source, tmp_path / "good")
    torn = copy_run(source, tmp_path / "torn")
    (torn / "results.json").write_text("{")
    for name, text in {"empty": "", "other": '{"format": 9}', "foreign": "[1]"}.items():
        (tmp_path / name).mkdir()
        (tmp_path / name / "manifest.json").write_text(text)
    rows = {row.place: row for row in read_runs([tmp_path])}
    assert {name: row.status for name, row in rows.items()} == {
        "empty": "damaged",
        "foreign": "damaged",
        "good": "complete",
        "other": "damaged",
        "torn": "damaged",
    }
    assert "manifest.json: damaged" in rows["empty"].problem
    assert "not a run of this version" in rows["other"].problem
    assert "results.json: damaged" in rows["torn"].problem
    assert rows["torn"].suite == "persona"


def test_a_run_is_running_while_its_process_lives(source: Path, tmp_path: Path) -> None:
    folder = copy_run(source, tmp_path / "run")
    (folder / "results.json").unlink()
    change(folder, status="running", samples=None)
    (folder / "samples").mkdir()
    (folder / "samples" / "0001.jsonl").write_text("{}\n" * 30)
    owned_by(folder, Owner.of_this_process())
    (row,) = read_runs([tmp_path])
    assert (row.status, row.done, row.planned) == ("running", 30, 216)
    owned_by(folder, GONE)  # it was killed
    (row,) = read_runs([tmp_path])
    assert (row.status, row.done) == ("partial", 30)
    assert not row.whole


def test_a_run_without_results_is_not_scored(source: Path, tmp_path: Path) -> None:
    folder = copy_run(source, tmp_path / "run")
    (folder / "results.json").unlink()
    owned_by(folder, GONE)
    (row,) = read_runs([tmp_path])
    assert (row.status, row.scores, row.curves) == ("not scored", (), {})
    owned_by(folder, Owner.of_this_process())  # it is being measured
    assert read_runs([tmp_path])[0].status == "running"


def test_each_suite_of_a_run_has_a_row(source: Path, tmp_path: Path) -> None:
    plan = Manifest.load(source).stored()["plan"]
    copy_run(source, tmp_path / "run", about={"plan": [*plan, plan[0] | {"suite": "other"}]})
    first, second = read_runs([tmp_path])
    assert (first.suite, second.suite) == ("persona", "other")
    assert first.scores
    assert not second.scores
    assert first.planned == second.planned == 432


def test_steps_may_be_stated(source: Path, tmp_path: Path) -> None:
    copy_run(source, tmp_path / "sft" / "base")
    (row,) = read_runs([tmp_path], rules=StepRules.parse(["*base=0"]))
    assert (row.step, row.series) == (0, "sft")


def test_settings_tell_runs_apart_that_are_not_comparable(source: Path, tmp_path: Path) -> None:
    plan = Manifest.load(source).stored()["plan"]
    copy_run(source, tmp_path / "a")
    copy_run(source, tmp_path / "b")
    copy_run(source, tmp_path / "c", about={"plan": [plan[0] | {"queries": 5}]})
    a, b, c = read_runs([tmp_path])
    assert a.settings == b.settings != c.settings
    assert {k for k in a.settings if a.settings[k] != c.settings[k]} == {"queries"}
    assert a.settings["top_p"] == "1.0"
    assert a.settings["variety metric"] == VARIETY
    assert a.settings["variety tokenizer"] == "words-v1"
    assert not any(name.startswith("length ") for name in a.settings)


def test_the_cache_reads_again_what_has_changed(
    source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folders = [copy_run(source, tmp_path / name) for name in "ab"]
    cache, read = RunCache(), []
    load = Manifest.load

    def counted(folder: Path) -> Manifest:
        read.append(folder.name)
        return load(folder)

    monkeypatch.setattr(Manifest, "load", counted)
    rows_of(find_tree([tmp_path]), cache=cache)
    rows_of(find_tree([tmp_path]), cache=cache)
    assert read == ["a", "b"]
    (folders[1] / "results.json").unlink()
    rows = rows_of(find_tree([tmp_path]), cache=cache)
    assert read == ["a", "b", "b"]
    assert [row.status for row in rows] == ["complete", "not scored"]


def test_equal_folders_give_equal_rows(source: Path, tmp_path: Path) -> None:
    copy_run(source, tmp_path / "run")
    assert read_runs([tmp_path]) == read_runs([tmp_path])
