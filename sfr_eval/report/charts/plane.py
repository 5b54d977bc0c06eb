"""One pair of axes of a plane: what its static drawing shows, and what the page shows first."""

from collections.abc import Sequence
from itertools import pairwise

from sfr_eval.report.charts.chart import Axis, PlaneChart, PlaneSeries, Point, Series, XYChart
from sfr_eval.report.charts.limits import clip

Corner = tuple[float, float]

_BANDS = 4
"""Of more runs than this the bands would cover each other."""


def pair(
    chart: PlaneChart, x: str = "", y: str = "", *, optimal: Sequence[Sequence[bool]] = ()
) -> XYChart:
    """Return the chart of two metrics, by default the ones that come first. `optimal` says of each
    point of each series that has both whether it is Pareto-optimal; others are hollow."""
    x, y = x or chart.x, y or chart.y
    axes = {axis.metric: axis for axis in chart.axes}
    bands = len([one for one in chart.series if one.marker == "run" and not one.thin]) <= _BANDS
    marks = list(optimal) or [()] * len(chart.series)
    return XYChart(
        title=f"{axes[y].label} against {axes[x].label}",
        x=axes[x],
        y=axes[y],
        series=tuple(
            _series(one, axes[x], axes[y], band=bands and not one.thin, optimal=own)
            for one, own in zip(chart.series, marks, strict=True)
        ),
    )


def both(series: PlaneSeries, x: str, y: str) -> list[int]:
    """Return the points that have a value on both axes."""
    return [i for i, point in enumerate(series.points) if x in point and y in point]


def _series(
    series: PlaneSeries, x: Axis, y: Axis, *, band: bool, optimal: Sequence[bool]
) -> Series:
    chosen = both(series, x.metric, y.metric)
    points = [
        _point(series, i, x, y, hollow=bool(optimal) and not optimal[n])
        for n, i in enumerate(chosen)
    ]
    turn = series.turns.get(x.metric)
    star = series.marker == "star"
    return Series(
        name=series.name,
        number=series.number,
        points=tuple(points),
        marker="none" if series.thin else series.marker,
        line="none" if star else "solid",
        thin=series.thin,
        group=series.group,
        dashed_from=chosen.index(turn) if turn in chosen and not series.thin else None,
        area=() if star or not band else _swept(points, x, y),
    )


def _point(series: PlaneSeries, i: int, x: Axis, y: Axis, *, hollow: bool) -> Point:
    point = series.points[i]
    (at_x, left, right), (at_y, low, high) = point[x.metric], point[y.metric]
    return Point(
        x=at_x,
        y=at_y,
        x_low=left,
        x_high=right,
        y_low=low,
        y_high=high,
        label="" if series.thin else series.labels[i],
        hollow=hollow,
        replies=series.replies[i] if series.replies else {},
    )


def _swept(points: Sequence[Point], x: Axis, y: Axis) -> tuple[tuple[Corner, ...], ...]:
    """Return what the intervals of both axes sweep over along the curve: around each two points in
    order the hull of their intervals."""
    boxes = [_box(point, x, y) for point in points]
    hulls = (hull([*one, *two]) for one, two in pairwise(boxes))
    return tuple(tuple(corners) for corners in hulls if corners)


def _box(point: Point, x: Axis, y: Axis) -> list[Corner]:
    left, right = (clip(_or(end, point.x), x) for end in (point.x_low, point.x_high))
    low, high = (clip(_or(end, point.y), y) for end in (point.y_low, point.y_high))
    return [(left, low), (right, low), (right, high), (left, high)]


def _or(end: float | None, value: float) -> float:
    return value if end is None else end


def hull(points: Sequence[Corner]) -> list[Corner]:
    """Return the corners of the convex hull, counter-clockwise; none if it has no area."""
    from scipy.spatial import ConvexHull, QhullError

    try:
        return [points[i] for i in ConvexHull(points).vertices]
    except QhullError:
        return []
