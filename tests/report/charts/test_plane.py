"""pytest tests/report/charts/test_plane.py"""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sfr_eval.report.charts.chart import Axis, PlaneChart, PlaneSeries
from sfr_eval.report.charts.plane import both, hull, pair

AXES = tuple(Axis(label=name, metric=name, possible=(0.0, 1.0)) for name in ("x", "y", "z"))


def series(number: int = 0, **fields: object) -> PlaneSeries:
    look = {
        "points": (
            {"x": (0.2, 0.1, 0.3), "y": (0.9, 0.8, 1.4)},
            {"y": (0.7, 0.6, 0.8)},
            {"x": (0.4, 0.3, 0.5), "y": (0.6, 0.5, 0.7), "z": (0.1, None, None)},
        ),
        "labels": ("T=0.2", "T=0.6", "T=1"),
        "replies": ({"temperature": 0.2}, {"temperature": 0.6}, {"temperature": 1.0}),
    } | fields
    return PlaneSeries(name=f"run-{number}", number=number, **look)  # type: ignore[arg-type]


def chart(*runs: PlaneSeries) -> PlaneChart:
    return PlaneChart(title="plane", x="x", y="y", axes=AXES, series=runs)


def test_a_pair_has_the_points_with_both_values() -> None:
    shown = pair(chart(series()))
    (one,) = shown.series
    assert [(p.x, p.y, p.label) for p in one.points] == [(0.2, 0.9, "T=0.2"), (0.4, 0.6, "T=1")]
    assert one.points[1].replies == {"temperature": 1.0}
    assert (shown.x.metric, shown.y.metric) == ("x", "y")


def test_any_two_metrics_can_be_chosen() -> None:
    (one,) = pair(chart(series()), "z", "x").series
    assert [(p.x, p.y) for p in one.points] == [(0.1, 0.4)]
    assert both(series(), "z", "y") == [2]


def test_the_area_holds_the_intervals_within_what_is_possible() -> None:
    ((area,),) = (one.area for one in pair(chart(series())).series)
    xs, ys = zip(*area, strict=True)
    assert (min(xs), max(xs)) == (0.1, 0.5)
    assert (min(ys), max(ys)) == (0.5, 1.0)  # the interval to 1.4 ends at 1


@pytest.mark.parametrize(("runs", "areas"), [(4, 4), (5, 0)])
def test_many_runs_have_bars_in_place_of_bands(runs: int, areas: int) -> None:
    drawn = pair(chart(*(series(number) for number in range(runs)))).series
    assert sum(bool(one.area) for one in drawn) == areas


def test_a_curve_turns_at_its_temperature_on_its_own_axis() -> None:
    turned = chart(series(turns={"x": 2}))
    assert pair(turned).series[0].dashed_from == 1
    assert pair(turned, "y", "x").series[0].dashed_from is None


def test_points_that_are_not_pareto_optimal_are_hollow() -> None:
    (one,) = pair(chart(series()), optimal=[(True, False)]).series
    assert [point.hollow for point in one.points] == [False, True]


@given(st.lists(st.tuples(st.integers(-9, 9), st.integers(-9, 9)), min_size=1, max_size=30))
def test_the_hull_holds_all_points_and_turns_left(points: list[tuple[float, float]]) -> None:
    corners = hull(points)
    assert set(corners) <= set(points)
    if len(corners) < 3:
        return  # one point, or all on one line
    for (ax, ay), (bx, by) in zip(corners, [*corners[1:], corners[0]], strict=True):
        assert all((bx - ax) * (y - ay) - (by - ay) * (x - ax) >= 0 for x, y in points)
