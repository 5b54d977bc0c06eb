"""pytest tests/comparison/test_replicates.py"""

from dataclasses import replace
from pathlib import Path

import pytest

from sfr_eval.comparison.family import family
from sfr_eval.comparison.groups import RunGroup, open_groups
from sfr_eval.comparison.replicates import Replicated, measure_groups
from tests.support.compare_data import write_code_run
from tests.support.group_data import SIDES, groups


def measured(first: RunGroup, second: RunGroup) -> Replicated:
    (one,) = measure_groups(
        first,
        second,
        "programs",
        metrics=["pass_at_1"],
        family=family({1.0: ["pass_at_1"]}),
        unequal={},
        margin=0.05,
    )
    return one


def test_a_row_over_trainings_worked_by_hand(tmp_path: Path) -> None:
    """Means .25, .75, .5 and 2/3, 5/6: the groups' are .5 and .75. Differences of the problems:
    .375, .125, .25."""
    one = measured(*groups(tmp_path, SIDES))
    row = one.row
    assert (row.first, row.second, row.delta) == pytest.approx((0.5, 0.75, 0.25))
    assert one.evidence.differences == pytest.approx([0.375, 0.125, 0.25])
    assert one.evidence.step == 0.25
    assert (row.n, row.role, row.temperature, one.trainings) == (3, "quality", 1.0, 3)
    assert row.method.startswith("t over trainings and queries")
    assert one.crossed is not None
    assert (row.low, row.high) == one.crossed.ends(level=0.05)
    # Of the trainings: (1/16) / 3 + (1/72) / 2; trainings vary more than anything else.
    assert one.crossed.trainings == pytest.approx(1 / 48 + 1 / 144)


def test_a_group_of_one_training_leaves_the_queries(tmp_path: Path) -> None:
    sides = {"one": {"a1": SIDES["one"]["a1"]}, "two": SIDES["two"]}
    one = measured(*groups(tmp_path, sides))
    assert one.crossed is None
    assert one.row.method == "paired t"
    assert one.evidence.differences == pytest.approx([0.125, -0.125, 0.0])


def test_one_query_or_none_says_so(tmp_path: Path) -> None:
    single = {side: {name: s[:1] for name, s in runs.items()} for side, runs in SIDES.items()}
    one = measured(*groups(tmp_path / "single", single))
    assert (one.crossed, one.row.reason, one.row.low) == (None, "one query", None)
    first, _ = groups(tmp_path / "first", SIDES)
    other = write_code_run(tmp_path / "other" / "c0", {"q": [True]})
    _, second = open_groups({"x": [first.runs[0].folder], "y": [other]})
    none = measured(first, second).row
    assert (none.call, none.reason) == ("not compared", "no query has a value in all runs")
    assert (none.delta, none.n, none.unpaired) == (None, 0, 4)


def test_the_row_at_matched_quality_is_primary_whatever_its_measure(tmp_path: Path) -> None:
    """The curves are those of a variety that need not be the primary one."""
    first, second = groups(tmp_path, SIDES)
    chosen = replace(
        family({1.0: ["pass_at_1"]}),
        measures={"variety": "pass_at_2", "quality": "pass_at_1"},
        along="pass_at_1",
        swept=True,
    )
    rows = [
        one.row
        for one in measure_groups(
            first,
            second,
            "programs",
            metrics=["pass_at_1"],
            family=chosen,
            unequal={},
            margin=0.05,
        )
    ]
    assert [(row.metric, row.temperature, row.role) for row in rows] == [
        ("pass_at_1", None, "variety"),
        ("pass_at_1", 1.0, "quality"),
    ]
