"""pytest tests/comparison/test_group_estimates.py"""

from pathlib import Path

import pytest

from sfr_eval.comparison.group_estimates import estimates_of
from sfr_eval.comparison.groups import open_groups
from sfr_eval.stats.bounded import bounded_interval
from tests.support.compare_data import write_code_run, write_world_run
from tests.support.group_data import SIDES, groups


def test_the_mean_of_a_group_keeps_its_trainings(tmp_path: Path) -> None:
    first, second = groups(tmp_path, {"one": SIDES["one"], "two": {"b0": SIDES["two"]["b0"]}})
    (estimate,) = estimates_of(first, "programs", metrics=["pass_at_1"])
    assert estimate.runs == pytest.approx((0.25, 0.75, 0.5))
    assert (estimate.value, estimate.n) == (pytest.approx(0.5), 3)
    assert estimate.low is not None
    assert estimate.low < 0.2
    (alone,) = estimates_of(second, "programs", metrics=["pass_at_1"])
    assert alone.method == "t, over queries"
    assert alone.runs == pytest.approx((2 / 3,))


def test_one_query_has_no_interval(tmp_path: Path) -> None:
    first, _ = groups(
        tmp_path, {side: {name: s[:1] for name, s in runs.items()} for side, runs in SIDES.items()}
    )
    (estimate,) = estimates_of(first, "programs", metrics=["pass_at_1"])
    assert (estimate.value, estimate.low, estimate.method) == (0.25, None, "none: one query")


def test_shares_that_are_all_1_have_a_width(tmp_path: Path) -> None:
    """Every reply of the simulator is valid, in 6 queries of both trainings."""
    folders = [
        write_world_run(
            tmp_path / f"r{seed}",
            {"cross": 0.0, "within": 0.1 * seed},
            queries=6,
            temperatures=(1.0,),
        )
        for seed in range(2)
    ]
    other = write_code_run(tmp_path / "c", {"p": [True]})
    group, _ = open_groups({"two": folders, "other": [other]})
    (valid,) = estimates_of(group, "persona", metrics=["oracle_valid"])
    low, high, _ = bounded_interval([1.0] * 6)
    assert (valid.value, valid.low, valid.high) == (1.0, low, high)
    assert 0.4 < low < 0.6
    (length,) = estimates_of(group, "persona", metrics=["length"])
    assert length.low is not None
    assert length.high is not None
    assert length.low < min(length.runs) <= length.value <= max(length.runs) < length.high
