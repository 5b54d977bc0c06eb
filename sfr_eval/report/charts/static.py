"""Charts drawn by matplotlib: for the files, for print, and for a page without JavaScript.

`draw` puts a chart into a pair of axes; `name_series` and `label_points` write its labels, once the
layout of the sheet is known.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from sfr_eval.report.charts.chart import (
    Axis,
    Chart,
    ForestChart,
    HeatMap,
    PlaneChart,
    Point,
    Series,
    XYChart,
)
from sfr_eval.report.charts.labels import Label, Obstacles, Place, ends_first, put
from sfr_eval.report.charts.limits import clip, limits
from sfr_eval.report.charts.looks import colour_of, line_of, marker_of, short_name
from sfr_eval.report.charts.plane import pair
from sfr_eval.report.charts.static_forest import draw_forest
from sfr_eval.report.charts.static_heat import draw_heat

if TYPE_CHECKING:
    from matplotlib.artist import Artist
    from matplotlib.axes import Axes
    from matplotlib.text import Text

_FILL, _CROSS = 0.16, 0.45  # opacity of bands and of intervals
_CROSSED = 4
"""Of more runs than this the intervals would hide the points."""
_NAMES = 3
"""Of more series than this the names are in the legend alone."""


def draw(chart: Chart, ax: "Axes") -> None:
    """Draw a chart. Everything is inside the axes, so nothing is clipped at them."""
    match chart:
        case HeatMap():
            draw_heat(chart, ax)
        case ForestChart():
            draw_forest(chart, ax)
        case _:
            _draw_xy(flat(chart), ax)


def flat(chart: XYChart | PlaneChart) -> XYChart:
    """Return the chart itself, or the pair of axes that a plane shows first."""
    return pair(chart) if isinstance(chart, PlaneChart) else chart


def _draw_xy(chart: XYChart, ax: "Axes") -> None:
    ends = list(_ends(chart))
    for name, axis, values in (
        ("x", chart.x, [x for x, _ in ends if x is not None]),
        ("y", chart.y, [y for _, y in ends if y is not None]),
    ):
        _set_axis(ax, name, axis, limits(values, axis))
    if not chart.y.role:  # else both axes have names
        ax.set_title(chart.title)
    for series in chart.series:
        if series.level:
            _draw_level(ax, series, chart.y)
        else:
            _draw_areas(ax, series, chart.y if series.band_along == "x" else chart.x)
            _draw_line(ax, series)
    for series in chart.series:
        if not series.level:
            _draw_points(ax, series, chart)


def _set_axis(ax: "Axes", name: str, axis: Axis, ends: tuple[float, float]) -> None:
    from matplotlib.ticker import MaxNLocator, NullFormatter, ScalarFormatter

    own = getattr(ax, f"{name}axis")
    if axis.log:
        getattr(ax, f"set_{name}scale")("log")
        own.set_major_formatter(ScalarFormatter())
        own.set_minor_formatter(NullFormatter())
    elif axis.ticks:
        own.set_ticks([at for at, _ in axis.ticks], [text for _, text in axis.ticks])
    else:
        own.set_major_locator(
            MaxNLocator(nbins=8 if name == "x" else 6, steps=[1, 2, 5, 10], integer=axis.integer)
        )
    if axis.bare:
        own.set_ticks([])
        own.grid(False)
    getattr(ax, f"set_{name}lim")(*(reversed(ends) if axis.reversed else ends))
    getattr(ax, f"set_{name}label")(axis.label)


def _ends(chart: XYChart) -> Iterator[tuple[float | None, float | None]]:
    """Yield every place that something is drawn at; None leaves an axis alone."""
    for series in chart.series:
        for point in series.points:
            for y in (point.y, point.y_low, point.y_high):
                yield (None if series.level else point.x), y
            for x in (point.x_low, point.x_high):
                yield x, None
        yield from (corner for polygon in series.area for corner in polygon)
        for at, low, high in series.band:
            places = ((at, low), (at, high))
            yield from places if series.band_along == "x" else ((y, x) for x, y in places)


def _draw_level(ax: "Axes", series: Series, axis: Axis) -> None:
    (point,) = series.points
    colour = colour_of(series)
    if point.y_low is not None and point.y_high is not None:
        low, high = (clip(end, axis) for end in (point.y_low, point.y_high))
        ax.axhspan(low, high, color=colour, alpha=_FILL, linewidth=0)
    ax.axhline(point.y, color=colour, linestyle=line_of(series), linewidth=1.3)


def _draw_areas(ax: "Axes", series: Series, axis: Axis) -> None:
    from matplotlib.patches import PathPatch
    from matplotlib.path import Path

    polygons = [list(corners) for corners in series.area]
    if len(series.band) > 1:
        places, lows, highs = zip(*series.band, strict=True)
        rim = [*zip(places, lows, strict=True), *reversed([*zip(places, highs, strict=True)])]
        inside = [(place, clip(end, axis)) for place, end in rim]
        polygons.append(inside if series.band_along == "x" else [(y, x) for x, y in inside])
    if polygons:
        paths = (Path([*corners, corners[0]], closed=True) for corners in polygons)
        whole = Path.make_compound_path(*paths)
        colour = colour_of(series)
        ax.add_patch(PathPatch(whole, facecolor=colour, alpha=_FILL, linewidth=0, clip_on=False))


def _draw_line(ax: "Axes", series: Series) -> None:
    if series.line == "none" or len(series.points) < 2:
        return
    look: dict[str, Any] = {"color": colour_of(series), "clip_on": False}
    look |= {"linewidth": 0.6, "alpha": 0.8} if series.thin else {}
    places = [(point.x, point.y) for point in series.points]
    turn = len(places) - 1 if series.dashed_from is None else series.dashed_from
    for part, style in ((places[: turn + 1], line_of(series)), (places[turn:], "--")):
        if len(part) > 1:
            ax.plot(*zip(*part, strict=True), linestyle=style, **look)


def _draw_points(ax: "Axes", series: Series, chart: XYChart) -> None:
    colour, marker = colour_of(series), marker_of(series)
    crossed = len([one for one in chart.series if one.marker == "run" and not one.thin])
    if not (len(series.band) > 1 or series.area or series.thin) and crossed <= _CROSSED:
        for point in series.points:
            _draw_cross(ax, point, colour, chart)
    if not marker:
        return
    look: dict[str, Any] = {"color": colour, "clip_on": False, "linestyle": "none"}
    if series.small:
        look |= {"markersize": 3.2, "markeredgewidth": 0, "alpha": 0.55}
    elif marker == "*" and series.marker == "star":
        look |= {"markersize": 13, "markeredgewidth": 0, "zorder": 4}
    for hollow in (False, True):
        chosen = [(point.x, point.y) for point in series.points if point.hollow is hollow]
        face = "#ffffff" if hollow else colour
        if chosen:
            ax.plot(*zip(*chosen, strict=True), marker, **look, markerfacecolor=face)


def _draw_cross(ax: "Axes", point: Point, colour: str, chart: XYChart) -> None:
    look: dict[str, Any] = {"color": colour, "alpha": _CROSS, "linewidth": 1.1}
    if point.x_low is not None and point.x_high is not None:
        ends = [clip(end, chart.x) for end in (point.x_low, point.x_high)]
        ax.plot(ends, [point.y] * 2, **look, clip_on=False)
    if point.y_low is not None and point.y_high is not None:
        ends = [clip(end, chart.y) for end in (point.y_low, point.y_high)]
        ax.plot([point.x] * 2, ends, **look, clip_on=False)


def legend_entries(chart: Chart) -> list[tuple[str, "Artist"]]:
    """Return (name, key) of each series that the reader must tell from others; none for a single
    run, which the title names."""
    from matplotlib.lines import Line2D
    from matplotlib.patches import Patch

    series = legend_series(chart)
    return [
        (
            one.name,
            Patch(color=colour_of(one), alpha=0.4, linewidth=0)
            if one.band and one.line == one.marker == "none"
            else Line2D(
                [], [],
                color=colour_of(one),
                linestyle="none" if one.small else line_of(one),
                marker=marker_of(one) or "none",
                linewidth=1.6,
            ),
        )
        for one in series
    ]  # fmt: skip


def legend_series(chart: Chart) -> list[Series]:
    """Return the series that need a name in a static drawing."""
    if isinstance(chart, HeatMap):
        return []
    if isinstance(chart, ForestChart):
        looks = {
            (mark.series, mark.number, mark.marker) for row in chart.rows for mark in row.marks
        }
        series = [
            Series(name=name, number=number, points=(), marker=marker, line="none")
            for name, number, marker in sorted(looks, key=lambda look: look[1])
        ]
    else:
        named = [one for one in flat(chart).series if one.name and (one.points or one.band)]
        series = list({one.name: one for one in named}.values())
    return series if len(series) > 1 else []


def name_series(chart: Chart, ax: "Axes", taken: Obstacles, *, size: float) -> list["Text"] | None:
    """Write the names of the series beside their curves. Returns what was written, or None if not
    all of them have a place: then the drawing needs a legend."""
    if isinstance(chart, HeatMap | ForestChart):
        return None if legend_series(chart) else []
    chart = flat(chart)
    series = legend_series(chart)
    if len(series) > _NAMES:
        return None
    runs = [one for one in series if not (one.level or one.marker == "star")]
    labelled = [one for one in series if one not in runs or len(runs) > 1]
    if any(one.small for one in labelled):
        return None
    places = {(p.x, p.y): one for one in chart.series if not one.level for p in one.points}
    written = put(ax, [_name(one, ax, places) for one in labelled], taken, size=size)
    placed = [text for text in written if text is not None]
    if len(placed) == len(written):
        return placed
    for text in placed:
        text.remove()
    return None


def _name(series: Series, ax: "Axes", places: Mapping[Place, Series]) -> Label:
    if series.level:
        left, right = sorted(ax.get_xlim())
        steps = (0.98, 0.02, 0.75, 0.5, 0.25)
        anchors = [(left + part * (right - left), series.points[0].y) for part in steps]
        return Label(text=short_name(series.name), anchors=anchors)
    ends = [(point.x, point.y) for point in (series.points[-1], series.points[0])]
    others = [place for place, one in places.items() if one is not series]
    return Label(
        text=short_name(series.name),
        anchors=ends,
        rim=0 if series.marker == "star" else 4,
        others=others,
    )


def label_points(chart: Chart, ax: "Axes", taken: Obstacles, *, size: float) -> None:
    """Write the labels of points that have room: of one curve all, of several those of the ends."""
    if isinstance(chart, HeatMap | ForestChart):
        return
    curves = [
        [point for point in one.points if point.label] for one in flat(chart).series if not one.thin
    ]
    curves = [points for points in curves if points]
    places = {(point.x, point.y) for points in curves for point in points}
    for points in curves:
        for number in ends_first([point.label for point in points], every=len(curves) == 1):
            own = (points[number].x, points[number].y)
            label = Label(text=points[number].label, anchors=[own], others=list(places - {own}))
            put(ax, [label], taken, size=size)


def texts(chart: Chart) -> Sequence[str]:
    """Return the names in a chart, which may need fonts of their own."""
    if isinstance(chart, HeatMap):
        return (chart.title, *chart.rows, *chart.columns)
    if isinstance(chart, ForestChart):
        rows = [text for row in chart.rows for text in (row.label, row.part)]
        return [chart.title, chart.axis, *rows, *(one.name for one in legend_series(chart))]
    series = [one.name for one in chart.series]
    axes = [flat(chart).x, flat(chart).y]
    ticks = [text for axis in axes for _, text in axis.ticks]
    labels = [point.label for one in flat(chart).series for point in one.points]
    return [chart.title, *series, *(axis.label for axis in axes), *ticks, *labels]
