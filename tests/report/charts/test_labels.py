"""pytest tests/report/charts/test_labels.py"""

from itertools import combinations
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sfr_eval.report.charts.chart import Axis, Point, Series, XYChart
from sfr_eval.report.charts.labels import Box, ends_first, obstacles
from sfr_eval.report.figures import Figure
from tests.support.drawn import axes_of_one, label_boxes


def figure(*curves: list[tuple[float, float]]) -> Figure:
    series = tuple(
        Series(
            name=f"run {number}",
            number=number,
            points=tuple(Point(x=x, y=y, label=f"T={n}") for n, (x, y) in enumerate(curve)),
        )
        for number, curve in enumerate(curves)
    )
    chart = XYChart(title="", x=Axis(label="x"), y=Axis(label="y", role="y"), series=series)
    return Figure(title="", description="", rows=[], chart=chart)


def assert_clear(ax: Any) -> None:
    """No label is on a line, on a point, on another label, or outside the axes."""
    boxes = label_boxes(ax)
    drawn = obstacles(ax)
    for extent in boxes.values():
        box = Box(extent.x0, extent.y0, extent.x1, extent.y1)
        assert drawn.free(box)
    for one, other in combinations(boxes.values(), 2):
        assert not one.overlaps(other)
    frame = ax.get_window_extent()
    assert all(frame.x0 <= b.x0 and b.x1 <= frame.x1 for b in boxes.values())
    assert all(frame.y0 <= b.y0 and b.y1 <= frame.y1 for b in boxes.values())


def test_every_point_of_a_wide_curve_has_its_label() -> None:
    ax = axes_of_one(figure([(0, 0), (1, 2), (2, 3), (3, 3.5)]))
    assert set(label_boxes(ax)) == {"T=0", "T=1", "T=2", "T=3"}
    assert_clear(ax)


def test_points_on_one_place_have_no_room_for_all_labels() -> None:
    curve = [(0.5 + 1e-4 * n, 0.5) for n in range(8)] + [(0.0, 0.0), (1.0, 1.0)]
    ax = axes_of_one(figure(curve))
    assert len(label_boxes(ax)) < 10
    assert_clear(ax)


def test_a_label_is_nearest_to_its_own_point() -> None:
    points = [(0.1 * n, 1 - 0.02 * (n % 3)) for n in range(8)]
    ax = axes_of_one(figure(points))
    assert len(label_boxes(ax)) > 2
    for text, extent in label_boxes(ax).items():
        box = Box(extent.x0, extent.y0, extent.x1, extent.y1)
        away = [box.distance(tuple(ax.transData.transform(point))) for point in points]
        assert away.index(min(away)) == int(text.removeprefix("T="))


def test_of_several_curves_only_the_ends_are_labelled() -> None:
    ax = axes_of_one(figure([(0, 0), (1, 0.3), (2, 0)], [(0, 2), (1, 2.5), (2, 2)]))
    assert "T=1" not in label_boxes(ax)
    assert {"T=0", "T=2"} <= set(label_boxes(ax))
    assert_clear(ax)


@settings(max_examples=8, deadline=None)
@given(
    st.lists(
        st.lists(st.tuples(st.integers(0, 20), st.integers(0, 20)), min_size=2, max_size=8),
        min_size=1,
        max_size=4,
    )
)
def test_labels_are_clear_of_whatever_is_drawn(curves: list[list[tuple[int, int]]]) -> None:
    assert_clear(axes_of_one(figure(*[[(float(x), float(y)) for x, y in c] for c in curves])))


@pytest.mark.parametrize(
    ("start", "end", "met"),
    [
        ((0, 0), (4, 4), True),
        ((0, 1.5), (4, 1.5), True),
        ((1.5, 1.5), (1.6, 1.6), True),
        ((0, 2.5), (4, 2.5), False),
        ((0, 0), (0.5, 0.5), False),
        ((0, 3), (3, 3.1), False),
        ((0, 1.9), (1.9, 4), False),
    ],
)
def test_a_line_meets_a_box_or_passes_it(start: Any, end: Any, met: bool) -> None:
    assert Box(1, 1, 2, 2).meets(start, end) is met
    assert Box(1, 1, 2, 2).meets(end, start) is met


def test_ends_come_first_then_the_models_own_temperature() -> None:
    labels = ["T=0.2", "T=0.6", "T=1", "T=1.4"]
    assert ends_first(labels, every=True) == [0, 3, 2, 1]
    assert ends_first(labels, every=False) == [0, 3]
    assert ends_first([], every=True) == []
