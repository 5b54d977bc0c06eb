"""pytest tests/report/test_frontier.py"""

from collections.abc import Mapping
from typing import Any

import pytest

from sfr_eval.report.figures import to_csv
from sfr_eval.report.frontier import frontier_table, frontiers
from sfr_eval.stats.curves import CurveEstimate
from sfr_eval.store.results import MatchedLevel, SuiteResults, SweepPoint, SweepSummary
from tests.support.drawn import axes_of_one, curves
from tests.support.report_data import estimate

QUALITIES = {0.4: 0.95, 1.2: 0.8, 2.0: 0.3}


def bounded(value: float) -> dict[str, Any]:
    return {"value": value, "low": value - 0.02, "high": value + 0.02, "method": "t", "n": 12}


def suite(distances: Mapping[float, float]) -> SuiteResults:
    rows = [
        estimate(metric, value, 0.02, temperature=t)
        for metric, sweep in (("embed_distance", distances), ("oracle_valid", QUALITIES))
        for t, value in sweep.items()
    ]
    points = tuple(
        SweepPoint(temperature=t, quality=QUALITIES[t], diversity=d, frontier=t < 2)
        for t, d in distances.items()
    )
    summary = SweepSummary(
        quality="oracle_valid",
        diversity="embed_distance",
        diversity_is="the value",
        points=points,
        hypervolume=CurveEstimate(**bounded(0.6)),
        matched=(MatchedLevel(part=0.8, level=0.76, **bounded(0.79)),),
        queries_left_out=0,
        signature={},
    )
    return SuiteResults(
        id="persona",
        title="Test",
        personas={},
        temperatures=tuple(distances),
        samples=8,
        estimates={(e.metric, e.temperature, ""): e for e in rows},
        truth={},
        notes={},
        similarity={},
        frontiers=(summary,),
    )


def dashes(distances: Mapping[float, float]) -> list[list[float]]:
    """The x values of the dashed parts of the figure."""
    (drawn,) = frontiers(suite(distances))
    return [places for line, places in curves(axes_of_one(drawn)) if line == "--"]


def test_the_part_that_folds_back_is_dashed() -> None:
    assert dashes({0.4: 0.4, 1.2: 0.8, 2.0: 0.6}) == [pytest.approx([0.8, 0.6])]
    assert dashes({0.4: 0.4, 1.2: 0.8, 2.0: 0.79}) == []


def test_points_levels_and_area_share_the_columns_of_a_csv() -> None:
    (drawn,) = frontiers(suite({0.4: 0.4, 1.2: 0.8, 2.0: 0.6}))
    header, *lines = to_csv(drawn.rows).decode().splitlines()
    assert header.endswith("what,temperature,quality,frontier,value,low,high")
    assert [line.split(",")[4] for line in lines] == [
        *["point"] * 3,
        "diversity at 0.8 of the best quality",
        "hypervolume",
    ]


def test_the_table_has_the_area_and_the_levels() -> None:
    (row,) = frontier_table(suite({0.4: 0.4, 1.2: 0.8, 2.0: 0.6}))
    assert row["hypervolume"] == "0.6 [0.58, 0.62]"
    assert row["matched"] == [{"part": "80 %", "text": "0.79 [0.77, 0.81]"}]
