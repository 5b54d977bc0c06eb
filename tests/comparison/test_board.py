"""pytest tests/comparison/test_board.py"""

from pathlib import Path

import pytest

from sfr_eval.comparison.board import best, board
from sfr_eval.comparison.compare import compare_runs
from sfr_eval.comparison.compare_groups import compare_groups
from tests.support.compare_data import write_world_run
from tests.support.comparison_data import comparison_of, difference


def test_a_run_is_best_if_its_interval_is_beyond_all_others() -> None:
    clear, near = difference(0.5, call="gain"), difference(0.05)
    assert best([None, clear, near]) == 1
    assert best([None, clear, difference(0.4, call="gain")]) is None
    assert best([None, near]) is None  # holds 0: not ahead of the base


def test_the_base_is_best_if_all_others_are_a_loss() -> None:
    assert best([None, difference(-0.5, call="loss"), difference(-0.2, call="loss")]) == 0
    assert best([None, difference(-0.5, call="loss"), difference(0.0)]) is None


def test_nothing_is_best_where_something_is_unknown() -> None:
    unknown = difference(0.1, low=None, high=None)
    assert best([None, difference(0.5, call="gain"), unknown]) is None
    assert best([None]) is None


def test_lower_is_better_turns_the_order() -> None:
    rows = [
        difference(delta, metric="self_bleu_4_fixed", call="gain" if delta < 0 else "loss")
        for delta in (-0.5, 0.5)
    ]
    assert best([None, *rows]) == 1


def test_the_columns_are_the_roles_in_order() -> None:
    rows = {
        "b": [
            difference(0.1, role="quality"),
            difference(0.5, call="gain"),
            difference(1.0, role=None, call="exploratory", metric="length"),
        ]
    }
    found = board(comparison_of(rows), "suite")
    assert [column.role for column in found.columns] == ["variety", "quality", "length"]
    base, other = found.rows
    assert base.summary is None
    assert other.summary is not None
    assert other.summary.counts.startswith("better in 1 of 2 primary rows, worse in 0")
    assert [cell.is_best for cell in other.cells] == [True, False, False]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("board")
    for number, dial in enumerate((0.0, 0.02, 0.6)):
        write_world_run(
            folder / f"run-{number}",
            {"cross": 0.0, "within": dial},
            seed=number,
            queries=8,
            temperatures=(1.0,),
        )
    return folder


def test_scores_of_runs_are_those_of_their_reports(folder: Path) -> None:
    comparison = compare_runs(folder / "run-0", folder / "run-2")
    found = board(comparison, "persona")
    for row, run in zip(found.rows, comparison.runs, strict=True):
        for column, cell in zip(found.columns, row.cells, strict=True):
            estimate = run.suites["persona"].at(column.metric, 1.0)
            assert estimate is not None
            assert cell.value.value == estimate.value
            assert (cell.value.low, cell.value.high) == (estimate.low, estimate.high)


def test_scores_of_a_group_are_means_over_its_trainings(folder: Path) -> None:
    comparison = compare_groups(
        {"whole": [folder / "run-0", folder / "run-1"], "narrow": [folder / "run-2"]}
    )
    found = board(comparison, "persona")
    for place, column in enumerate(found.columns):
        values = [
            run.suites["persona"].estimates and run.suites["persona"].at(column.metric, 1.0)
            for run in comparison.runs[:2]
        ]
        known = [one.value for one in values if one and one.value is not None]
        mean = sum(known) / len(known)
        assert found.rows[0].cells[place].value.value == pytest.approx(mean)
