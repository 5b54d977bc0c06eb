"""What a chart shows, apart from how it is drawn.

A chart is drawn twice: by matplotlib for the files and for a page without JavaScript, and by
reports/scripts/charts.js from its JSON (`payload`), which adds hovering, zooming and choosing.
Numbers are those of results.json, unrounded; both drawings round for themselves.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

Direction = Literal["higher", "lower", ""]
"""Which way is better."""

RepliesFilter = Mapping[str, str | float]
"""Control of the reply browser -> value: persona, temperature, query, status, text, sort. Empty if
no replies stand behind the mark."""


@dataclass(frozen=True, kw_only=True)
class Axis:
    """An axis. It never reaches beyond what is possible."""

    label: str
    role: str = ""  # what it stands for: `quality`
    metric: str = ""  # the id, if it is one
    direction: Direction = ""
    possible: tuple[float | None, float | None] = (None, None)
    log: bool = False
    reversed: bool = False
    ticks: tuple[tuple[float, str], ...] = ()  # in place of those of the drawing
    integer: bool = False  # ticks at whole numbers alone
    bare: bool = False  # distances along it mean nothing: without ticks and grid
    shown: tuple[float, float] | None = None  # what it opens with, where charts share it


@dataclass(frozen=True, kw_only=True)
class Point:
    """A mark, with the ends of its 95 % intervals."""

    x: float
    y: float
    x_low: float | None = None
    x_high: float | None = None
    y_low: float | None = None
    y_high: float | None = None
    label: str = ""  # written beside it, where there is room: `T=1`
    about: str = ""  # further facts for whoever points at it
    hollow: bool = False  # not Pareto-optimal
    replies: RepliesFilter = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Series:
    """Points that belong together: a run, a reference, a persona. One without a name is not in the
    legend, and is switched with its group."""

    name: str
    number: int  # look: colour number % 6, then marker and dashes; equal numbers look alike
    points: tuple[Point, ...]
    line: Literal["solid", "dashed", "dotted", "none"] = "solid"
    marker: Literal["run", "star", "none"] = "run"
    colour: str = ""  # `#rrggbb` in place of that of its number: one of many personas
    quiet: bool = False  # grey, whatever its number: what chance would give, a common frontier
    thin: bool = False  # one training of a group
    small: bool = False  # a cloud of points: small and translucent
    dashed_from: int | None = None  # the point behind which the line is dashed: it turns back there
    level: bool = False  # a single value, drawn as a line across the whole chart
    band: tuple[tuple[float, float, float], ...] = ()  # (place, low, high)
    band_along: Literal["x", "y"] = "x"  # which axis the places of the band are on
    area: tuple[tuple[tuple[float, float], ...], ...] = ()  # shaded polygons: hull, hypervolume
    group: str = ""  # the legend switches series of one group together


@dataclass(frozen=True, kw_only=True)
class XYChart:
    """Series over two axes."""

    title: str
    x: Axis
    y: Axis
    series: tuple[Series, ...]
    cursor: str = ""  # charts of a page with the same cursor share it: `temperature`
    kind: Literal["xy"] = "xy"


@dataclass(frozen=True, kw_only=True)
class PlaneSeries:
    """A run over its temperatures: place -> metric -> (value, low, high)."""

    name: str
    number: int
    points: tuple[Mapping[str, tuple[float, float | None, float | None]], ...]
    labels: tuple[str, ...]
    marker: Literal["run", "star"] = "run"
    thin: bool = False  # one training of a group
    group: str = ""  # the legend switches series of one group together
    turns: Mapping[str, int] = field(default_factory=dict)
    """Metric -> the point behind which the curve turns back on this axis, and is dashed."""
    replies: tuple[RepliesFilter, ...] = ()


@dataclass(frozen=True, kw_only=True)
class PlaneChart:
    """Any metric against any other: the reader chooses the axes; `x` and `y` come first.

    Where lower is better the axis is reversed: further up and further right is always better.
    """

    title: str
    x: str
    y: str
    axes: tuple[Axis, ...]  # of which each has a metric
    series: tuple[PlaneSeries, ...]
    kind: Literal["plane"] = "plane"


@dataclass(frozen=True, kw_only=True)
class Frame:
    """One temperature of a heat map."""

    label: str
    cells: tuple[tuple[float | None, ...], ...]
    temperature: float | None = None


@dataclass(frozen=True, kw_only=True)
class HeatMap:
    """Rows against columns at several temperatures, of which the reader chooses one. `order` is
    that of a clustering; names and cells are in the suite's order."""

    title: str
    rows: tuple[str, ...]
    columns: tuple[str, ...]
    frames: tuple[Frame, ...]
    shown: int  # the frame that comes first
    order: tuple[int, ...] = ()
    unit: str = ""
    row_replies: tuple[RepliesFilter, ...] = ()
    kind: Literal["heat"] = "heat"


@dataclass(frozen=True, kw_only=True)
class ForestMark:
    """A value or a difference with its interval, in one run or group."""

    series: str
    number: int
    value: float | None
    low: float | None = None
    high: float | None = None
    words: str = ""  # what is called of it
    tone: Literal["up", "down", ""] = ""
    marker: Literal["run", "star"] = "run"
    replies: RepliesFilter = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class ForestRow:
    """A metric of a forest plot. Differences of metrics with other units are drawn in parts of
    `scale`, the length of the metric's span, so that rows share an axis; texts have the values."""

    label: str
    metric: str
    part: str  # heading that it stands under: `Primary family`
    direction: Direction
    marks: tuple[ForestMark, ...]
    scale: float = 1.0
    start: float = 0.0  # value at the left end of the axis, of a row of values
    band: tuple[float, float] | None = None  # where it would lie by chance


@dataclass(frozen=True, kw_only=True)
class ForestChart:
    """One row a metric. With a base: differences to it, around a line at 0. Without one: values,
    each in parts of its row's scale, from the row's start to the right."""

    title: str
    base: str
    rows: tuple[ForestRow, ...]
    axis: str = ""  # name of the axis that rows share; "" where each has its own unit
    band: str = ""  # what the rows' bands are: `95 % of fair draws`
    kind: Literal["forest"] = "forest"


Chart = XYChart | PlaneChart | HeatMap | ForestChart


def payload(chart: Chart) -> dict[str, Any]:
    """Return the chart as JSON holds it, without fields that are empty or undefined."""
    found = _without_defaults(asdict(chart))
    assert isinstance(found, dict)
    return found


def _without_defaults(value: Any) -> Any:
    if isinstance(value, dict):
        pairs = ((key, _without_defaults(inner)) for key, inner in value.items())
        return {key: inner for key, inner in pairs if not _is_empty(inner)}
    if isinstance(value, list | tuple):
        return [None if inner is None else _without_defaults(inner) for inner in value]
    return value


def _is_empty(value: Any) -> bool:
    """Return whether nothing is said; 0 says something."""
    return value is None or value is False or (hasattr(value, "__len__") and not value)
