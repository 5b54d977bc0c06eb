"""pytest tests/report/charts/test_static.py"""

from typing import Any

import numpy as np
import pytest

from sfr_eval.report.axes import band
from sfr_eval.report.charts.chart import Axis, PlaneChart, PlaneSeries, Point, Series, XYChart
from sfr_eval.report.charts.static import legend_series, texts
from sfr_eval.report.figures import Figure
from tests.support.drawn import axes_of, axes_of_one, curves, label_boxes

SHARE = Axis(label="share", possible=(0.0, 1.0))
TEMPERATURES = (0.2, 0.6, 1.0, 1.4)


def run(number: int, *values: float, half: float | None = 0.05, name: str = "") -> Series:
    points = tuple(
        Point(
            x=t,
            y=value,
            y_low=None if half is None else value - half,
            y_high=None if half is None else value + half,
        )
        for t, value in zip(TEMPERATURES, values, strict=False)
    )
    return Series(name=name or f"run-{number}", number=number, points=points, band=band(points))


def reference(value: float) -> Series:
    point = Point(x=1.0, y=value, y_low=value - 0.02, y_high=value + 0.02)
    return Series(
        name="reference", number=1, points=(point,), line="dashed", marker="none", level=True
    )


def figure(*series: Series, y: Axis = SHARE) -> Figure:
    chart = XYChart(title="Share", x=Axis(label="temperature"), y=y, series=series)
    return Figure(title="Share", description="", rows=[], chart=chart)


def outline(band: Any) -> Any:
    return band.get_path().vertices


@pytest.mark.parametrize("count", [1, 8])
def test_a_band_surrounds_its_own_curve(count: int) -> None:
    runs = [run(n, *(0.1 * n + 0.02 * i for i in range(4))) for n in range(count)]
    ax = axes_of_one(figure(*runs))
    bands = ax.patches
    assert len(bands) == count
    for one, drawn in zip(runs, bands, strict=True):
        vertices = outline(drawn)
        for point in one.points:
            here = vertices[np.isclose(vertices[:, 0], point.x)][:, 1]
            assert here.min() <= point.y <= here.max()
        assert {round(float(x), 9) for x in vertices[:, 0]} == set(TEMPERATURES)


def test_a_point_without_interval_narrows_the_band_to_itself() -> None:
    with_gap = (Point(x=0, y=1, y_low=0, y_high=2), Point(x=1, y=5), Point(x=2, y=1, y_low=0))
    assert band(with_gap) == ((0, 0, 2), (1, 5, 5), (2, 0, 1))
    assert band((Point(x=0, y=1), Point(x=1, y=5))) == ()


def test_nothing_is_drawn_beyond_what_is_possible() -> None:
    """Three questions: self-BLEU of .4 ± .645, and a validity of 1."""
    ax = axes_of_one(figure(run(0, 0.4, 0.4, half=0.645), run(1, 1.0, 1.0, half=0.2)))
    low, high = ax.get_ylim()
    assert (low, high) == (0.0, 1.0)
    assert len(ax.patches) == 2
    for drawn in ax.patches:
        assert outline(drawn)[:, 1].min() >= 0
        assert outline(drawn)[:, 1].max() <= 1


def test_a_single_point_shows_its_interval() -> None:
    ax = axes_of_one(figure(run(0, 0.6)))
    (whisker,) = [line for line in ax.lines if line.get_linestyle() == "-"]
    assert sorted(whisker.get_ydata()) == pytest.approx([0.55, 0.65])


def test_a_reference_has_its_name_beside_it_and_no_legend() -> None:
    ax = axes_of_one(figure(run(0, 0.2, 0.3, 0.4, 0.45), reference(0.8)))
    assert set(label_boxes(ax)) == {"reference"}
    assert not ax.figure.legends


def test_names_without_room_are_in_one_legend_below_all_axes() -> None:
    crowded = [run(n, 0.5, 0.5, 0.5, 0.5, name=f"fine-tuned-model-{n}") for n in range(3)]
    one, other = axes_of(figure(*crowded), figure(*crowded))
    (legend,) = one.figure.legends
    assert [text.get_text() for text in legend.get_texts()] == [s.name for s in crowded]
    top = legend.get_window_extent(one.figure.canvas.get_renderer()).y1
    for ax in (one, other):
        assert ax.get_legend() is None
        assert top <= ax.get_tightbbox().y0


def test_there_is_one_star_in_the_axes() -> None:
    star = PlaneSeries(
        name="reference",
        number=1,
        points=({"x": (0.5, 0.45, 0.55), "y": (0.9, 0.85, 0.95)},),
        labels=("",),
        marker="star",
    )
    model = PlaneSeries(
        name="model",
        number=0,
        points=tuple(
            {"x": (v, v - 0.01, v + 0.01), "y": (1 - v, 0.9 - v, 1.1 - v)} for v in (0.1, 0.4)
        ),
        labels=("T=0.5", "T=1"),
    )
    axes = tuple(Axis(label=name, role="r", metric=name, possible=(0, 1)) for name in "xy")
    chart = PlaneChart(title="", x="x", y="y", axes=axes, series=(model, star))
    ax = axes_of_one(Figure(title="", description="", rows=[], chart=chart))
    stars = [line for line in ax.lines if line.get_marker() == "*"]
    assert [(list(s.get_xdata()), list(s.get_ydata())) for s in stars] == [([0.5], [0.9])]
    assert not ax.get_legend()
    assert "reference" in label_boxes(ax)


def test_a_curve_is_dashed_behind_the_point_where_it_turns() -> None:
    points = tuple(Point(x=x, y=0.5) for x in (0.1, 0.3, 0.5, 0.4))
    ax = axes_of_one(figure(Series(name="a", number=0, points=points, dashed_from=2)))
    assert curves(ax) == [("-", [0.1, 0.3, 0.5]), ("--", [0.5, 0.4])]


def test_lower_is_better_runs_the_other_way_where_it_is_reversed() -> None:
    axis = Axis(label="", possible=(0.0, 1.0), reversed=True)
    low, high = axes_of_one(figure(run(0, 0.2, 0.4), y=axis)).get_ylim()
    assert low > high


def test_axes_may_be_logarithmic_bare_or_named() -> None:
    log = axes_of_one(figure(run(0, 1.0, 100.0, half=None), y=Axis(label="", log=True)))
    assert log.get_yscale() == "log"
    bare = axes_of_one(figure(run(0, 0.2, 0.4), y=Axis(label="", bare=True)))
    assert not len(bare.get_yticks())
    named = axes_of_one(figure(run(0, 0.2, 0.4), y=Axis(label="", ticks=((0.3, "here"),))))
    assert [tick.get_text() for tick in named.get_yticklabels()] == ["here"]


def test_a_single_run_needs_no_name() -> None:
    chart = figure(run(0, 0.2, 0.4)).chart
    assert chart is not None
    assert not legend_series(chart)
    assert "run-0" in texts(chart)


def test_the_intervals_of_many_runs_do_not_hide_their_points() -> None:
    few, many = ([run(n, 0.1 * n) for n in range(count)] for count in (4, 8))
    assert len(curves(axes_of_one(figure(*few)))) == 4
    assert not curves(axes_of_one(figure(*many)))


def test_the_legend_of_many_runs_fits_the_sheet() -> None:
    runs = [run(n, 0.1 * n, 0.1 * n, name=f"qwen3-checkpoint-{n}00") for n in range(9)]
    ax = axes_of_one(figure(*runs))
    (legend,) = ax.figure.legends
    extent = legend.get_window_extent(ax.figure.canvas.get_renderer())
    assert extent.x0 >= 0
    assert extent.x1 <= ax.figure.bbox.width
    assert len(legend.get_texts()) == 9


def test_a_band_alone_is_a_patch_in_the_legend() -> None:
    chance = Series(
        name="personas permuted", number=0, points=(), band=((0.2, 0.1, 0.2), (1.4, 0.1, 0.2)),
        marker="none", line="none", quiet=True,
    )  # fmt: skip
    ax = axes_of_one(figure(run(0, 0.5, 0.5), run(1, 0.6, 0.6), run(2, 0.7, 0.7), chance))
    (legend,) = ax.figure.legends
    assert [type(key).__name__ for key in legend.legend_handles][-1] == "Rectangle"


def test_a_run_without_a_value_is_not_named() -> None:
    """Its metric may be undefined at every temperature."""
    series = tuple(
        Series(name=name, number=number, points=points)
        for number, (name, points) in enumerate(
            (("a", (Point(x=0.2, y=0.1), Point(x=1.0, y=0.9))), ("b", ()))
        )
    )
    chart = XYChart(title="", x=Axis(label="temperature"), y=Axis(label=""), series=series)
    ax = axes_of_one(Figure(title="", description="", rows=[], chart=chart))
    assert [text.get_text() for text in ax.texts] == []
    assert legend_series(chart) == []
