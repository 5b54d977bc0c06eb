"""Quality and style against variety over the temperatures: the curve of one run."""

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from sfr_eval.metrics.table import (
    direction,
    headlines,
    inside_sentence,
    label,
    metric_info,
    trade_offs,
)
from sfr_eval.report.course import turning_point
from sfr_eval.report.figures import MODEL, REFERENCE, Figure, label_temperatures, leave_room
from sfr_eval.report.numbers import bounds
from sfr_eval.store.results import SuiteResults
from sfr_eval.types import Estimate

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Pair = tuple[Estimate, Estimate]
"""x and y at one temperature"""


def trade_off(suite: SuiteResults) -> list[Figure]:
    """Return quality against diversity, a figure for each pair of metrics that was measured."""
    return [
        _curve(suite, measured[0])
        for y, pairs in trade_offs()
        for group in pairs.figures
        if (measured := [points for x in group if (points := _points(suite, x, y))])
    ]


def judged(suite: SuiteResults) -> list[Figure]:
    """Return style strength against what judges think of the replies, a figure for each axis."""
    return [
        _curve(suite, points, roles=("quality", "style"))
        for x in headlines("quality")
        if (info := metric_info(x)) and info.family == "judge"
        if (points := _points(suite, x, "style_strength"))
    ]


def _points(suite: SuiteResults, x: str, y: str) -> dict[float, Pair]:
    xs, ys = suite.sweep(x), suite.sweep(y)
    return {t: (xs[t], ys[t]) for t in xs if t in ys}


def _curve(
    suite: SuiteResults,
    points: dict[float, Pair],
    *,
    roles: tuple[str, str] = ("diversity", "quality"),
) -> Figure:
    low, high = next(iter(points)), next(reversed(points))
    first, last = points[low], points[high]
    x, y = (estimate.metric for estimate in first)
    info = metric_info(x)
    reference_x, reference_y = suite.truth_of(x), suite.truth_of(y)
    reference = (reference_x, reference_y) if reference_x and reference_y else None

    def draw(ax: "Axes") -> None:
        _draw_curve(ax, points)
        if reference is not None:
            _draw_cross(ax, reference, REFERENCE)
            star = ([bounds(estimate)[0]] for estimate in reference)
            ax.plot(*star, "*", color=REFERENCE, markersize=13, label="reference", zorder=4)
        ax.set_xlabel(axis_label(x, roles[0]))
        ax.set_ylabel(axis_label(y, roles[1]))
        heights = [estimate for _, estimate in points.values()]
        leave_room(ax, [*heights, reference_y] if reference_y else heights)
        ax.margins(x=0.12)
        if info is not None and info.direction == "lower":
            ax.invert_xaxis()  # right is more diverse in every figure
        ax.legend(loc="best")
        label_temperatures(
            ax, [[(t, bounds(pair[0])[0], bounds(pair[1])[0]) for t, pair in points.items()]]
        )

    rows = [_row(suite, "model", t, pair) for t, pair in points.items()]
    if reference is not None:
        rows.append(_row(suite, "truth", reference[0].temperature, reference))
    return Figure(
        title=f"{label(y)} against {inside_sentence(x)}",
        description=(
            f"At T = {low:g}: {inside_sentence(y)} {first[1].value:.3g}, {inside_sentence(x)} "
            f"{first[0].value:.3g}."
            if low == high
            else f"From T = {low:g} to {high:g}: {inside_sentence(y)} from "
            f"{first[1].value:.3g} to {last[1].value:.3g}, {inside_sentence(x)} from "
            f"{first[0].value:.3g} to {last[0].value:.3g}."
        ),
        rows=rows,
        draw=draw,
    )


def _draw_curve(ax: "Axes", points: dict[float, Pair]) -> None:
    _draw_band(ax, list(points.values()))
    for pair in points.values():
        _draw_cross(ax, pair, MODEL)
    places = {t: (bounds(x)[0], bounds(y)[0]) for t, (x, y) in points.items()}
    xs = {t: x for t, (x, _) in points.items()}
    info = metric_info(next(iter(xs.values())).metric)
    lower = info is not None and info.direction == "lower"
    turn = turning_point(xs, highest=not lower)
    draw_path(ax, places, turn=turn, marker="o", label="model, over T")


def draw_path(
    ax: "Axes",
    places: Mapping[float, tuple[float, float]],
    *,
    turn: float | None,
    marker: str = "",
    width: float | None = None,
    label: str = "",
) -> None:
    """Draw a curve through the places in the order of their temperatures. Beyond the temperature
    `turn`, from which more heat gives less diversity, it is dashed: there it folds back over itself
    and does not belong to the trade-off."""
    parts = [("-", label, [t for t in sorted(places) if turn is None or t <= turn])]
    if turn is not None:
        beyond = [t for t in sorted(places) if t >= turn]
        parts.append(("--", f"beyond T = {turn:g}: less varied", beyond))
    for line, name, temperatures in parts:
        xs, ys = zip(*(places[t] for t in temperatures), strict=True)
        ax.plot(xs, ys, f"{marker}{line}", color=MODEL, linewidth=width, label=name or None)


def _draw_band(ax: "Axes", pairs: Sequence[Pair]) -> None:
    """Draw what the 95 % intervals of both axes sweep over along the curve.

    That is the hulls of the boxes of each two neighbours, as one shape: no overlap is darker.
    """
    from matplotlib.patches import PathPatch
    from matplotlib.path import Path

    boxes = []
    for x, y in pairs:
        (_, left, right), (_, low, high) = bounds(x), bounds(y)
        boxes.append([(left, low), (right, low), (right, high), (left, high)])
    hulls = [corners for one, two in pairwise(boxes) if (corners := hull([*one, *two]))]
    if hulls:
        outline = Path.make_compound_path(
            *(Path([*corners, corners[0]], closed=True) for corners in hulls)
        )
        ax.add_patch(PathPatch(outline, facecolor=MODEL, alpha=0.16, linewidth=0))


def hull(points: Sequence[tuple[float, float]]) -> list[tuple[float, float]]:
    """Return the corners of the convex hull, counter-clockwise; none if it has no area."""
    from scipy.spatial import ConvexHull, QhullError

    try:
        return [points[i] for i in ConvexHull(points).vertices]
    except QhullError:
        return []


def _draw_cross(ax: "Axes", pair: Pair, colour: str) -> None:
    (x, left, right), (y, low, high) = map(bounds, pair)
    ax.plot([left, right], [y, y], color=colour, alpha=0.45, linewidth=1.1)
    ax.plot([x, x], [low, high], color=colour, alpha=0.45, linewidth=1.1)


def axis_label(metric: str, role: str) -> str:
    """Return the name of a metric with what it stands for and which way is better."""
    return f"{label(metric)}\n{role}; {direction(metric)}"


def _row(suite: SuiteResults, who: str, temperature: float, pair: Pair) -> dict[str, Any]:
    return {"suite": suite.id, "who": who, "temperature": temperature} | {
        f"{axis}_{key}": getattr(estimate, key)
        for axis, estimate in zip("xy", pair, strict=True)
        for key in ("metric", "value", "low", "high", "n", "k")
    }
