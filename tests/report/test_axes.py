"""pytest tests/report/test_axes.py"""

from dataclasses import replace

import pytest

from sfr_eval.metrics.table import possible
from sfr_eval.report.axes import band, better, metric_axis, points
from tests.support.report_data import estimate


@pytest.mark.parametrize(
    ("metric", "ends"),
    [
        ("oracle_valid", (0, 1)),
        ("truncation_rate", (0, 1)),
        ("length", (0.0, None)),
        ("judge_rel", (1.0, 5.0)),
        ("reward", (None, None)),
        ("of_another_version", (None, None)),
    ],
)
def test_an_axis_ends_at_what_is_possible(metric: str, ends: tuple[float | None, ...]) -> None:
    assert possible(metric) == ends
    assert metric_axis(metric).possible == ends


def test_an_axis_says_what_it_stands_for_and_which_way_is_better() -> None:
    assert metric_axis("embed_distance", role="diversity").label == (
        "Distance in meaning\n(diversity; higher is better)"
    )
    assert metric_axis("self_bleu_4_fixed", named=False).label == "lower is better"
    assert metric_axis("length", named=False).label == "neither way is better"
    assert (better("self_bleu_4_fixed"), better("length")) == ("lower", "")


def test_points_have_full_precision_and_lead_to_their_replies() -> None:
    value = 1 / 3
    sweep = {0.5: estimate("length", value), 1.0: estimate("length", None)}
    (point,) = points(sweep)
    assert (point.x, point.y, point.y_low) == (0.5, value, value - 0.01)
    assert point.replies == {"temperature": 0.5}
    assert points(sweep, over_temperature=False)[0].replies == {}
    assert band([replace(point, y_low=None)]) == ((0.5, value, value + 0.01),)
