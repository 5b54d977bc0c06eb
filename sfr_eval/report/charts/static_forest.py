"""A forest plot drawn by matplotlib: one row a metric, a mark with its interval for each run."""

from typing import TYPE_CHECKING

from sfr_eval.report.charts.chart import ForestChart, ForestMark, ForestRow, Series
from sfr_eval.report.charts.looks import QUIET, colour_of, marker_of, short_name
from sfr_eval.report.numbers import Interval

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_SPREAD = 0.6
"""Of the distance of two rows, over which the marks of one row are spread."""
_WORDS = {"higher": " ↑", "lower": " ↓", "": ""}


def draw_forest(chart: ForestChart, ax: "Axes") -> None:
    """Draw the rows from the top, each heading of a part above its first row."""
    places, headings, bottom = _places(chart)
    for row, place in zip(chart.rows, places, strict=True):
        if row.band is not None:
            low, high = (_part(end, row) for end in row.band)
            ax.hlines(place, low, high, color=QUIET, alpha=0.5, linewidth=5)
    series = list(dict.fromkeys(mark.series for row in chart.rows for mark in row.marks))
    for number, name in enumerate(series):
        shift = _SPREAD * ((number + 0.5) / len(series) - 0.5)
        _draw_series(ax, chart, name, [place + shift for place in places])
    if chart.base:
        ax.axvline(0, color="#222222", linewidth=0.8)
    else:
        ax.set_xlim(left=min(0.0, ax.get_xlim()[0]))
    names = [f"{short_name(row.label, most=60)}{_WORDS[row.direction]}" for row in chart.rows]
    ticks = [*zip(places, names, strict=True), *headings]
    ax.set_yticks([at for at, _ in ticks], [text for _, text in ticks])
    for tick, (_, text) in zip(ax.get_yticklabels(), ticks, strict=True):
        if text in {heading for _, heading in headings}:
            tick.set_fontweight("bold")
    ax.tick_params(axis="y", length=0)
    ax.grid(visible=False, axis="y")
    ax.set_ylim(bottom - 0.4, -0.6)
    ax.set_title(chart.title, loc="left")
    ax.set_xlabel(chart.axis)
    if not chart.axis and not chart.base:
        ax.set_xticks([])
        _write_values(ax, chart, places)


def _places(chart: ForestChart) -> tuple[list[float], list[tuple[float, str]], float]:
    """Return the place of each row, (place, text) of each heading, and the end."""
    places: list[float] = []
    headings: list[tuple[float, str]] = []
    at, part = 0.0, ""
    for row in chart.rows:
        if row.part != part:
            part = row.part
            headings.append((at, part))
            at += 1
        places.append(at)
        at += 1
    return places, headings, at


def _part(value: float, row: ForestRow) -> float:
    return (value - row.start) / row.scale


def _draw_series(ax: "Axes", chart: ForestChart, name: str, places: list[float]) -> None:
    """Draw all marks of a run or reference, with their intervals."""
    marks = [
        (mark, row, place)
        for row, place in zip(chart.rows, places, strict=True)
        for mark in row.marks
        if mark.series == name and mark.value is not None
    ]
    if not marks:
        return
    first = marks[0][0]
    look = Series(name=name, number=first.number, points=(), marker=first.marker)
    ends = [
        (place, _part(mark.low, row), _part(mark.high, row))
        for mark, row, place in marks
        if mark.low is not None and mark.high is not None
    ]
    if ends:
        ax.hlines(*zip(*ends, strict=True), color=colour_of(look), linewidth=1.6, alpha=0.7)
    ax.plot(
        [_part(mark.value, row) for mark, row, _ in marks if mark.value is not None],
        [place for *_, place in marks],
        marker_of(look),
        color=colour_of(look),
        markersize=9 if first.marker == "star" else 5,
        linestyle="none",
        clip_on=False,
    )


def _write_values(ax: "Axes", chart: ForestChart, places: list[float]) -> None:
    """Write the values of a single run at the right, where the rows have no axis in common."""
    if len({mark.series for row in chart.rows for mark in row.marks if mark.marker == "run"}) > 1:
        return
    for row, place in zip(chart.rows, places, strict=True):
        text = next((_value(mark) for mark in row.marks if mark.marker == "run"), "")
        ax.text(
            1.02,
            place,
            text,
            transform=ax.get_yaxis_transform(),
            va="center_baseline",
            fontsize=8.5,
        )


def _value(mark: ForestMark) -> str:
    return Interval(mark.value, mark.low, mark.high).rounded(without="")
