"""Quality and style against variety over the temperatures: the curve, and its frontier."""

from collections.abc import Iterator, Mapping, Sequence
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
from sfr_eval.report.figures import MODEL, TRUTH, Panel, leave_room
from sfr_eval.report.numbers import bounds
from sfr_eval.store.results import SuiteResults
from sfr_eval.temperature import OWN_TEMPERATURE, nearest
from sfr_eval.types import Estimate

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_LABEL_PIXELS = (38, 13)  # two labels nearer than this overlap

Point = tuple[float, Estimate, Estimate]
"""temperature, x, y"""


def trade_off(suite: SuiteResults) -> list[Panel]:
    """Quality against diversity over the sweep, for each pair of metrics that is there."""
    panels = []
    for y, pairs in trade_offs():
        for group in pairs.figures:
            measured = [(x, points) for x in group if (points := _points(suite, x, y))]
            if measured:
                x, points = measured[0]
                panels.append(_curve(suite, x, y, points))
    return panels


def judged(suite: SuiteResults) -> list[Panel]:
    """Style strength against what judges think of each reply, one panel an axis, over the sweep."""
    y = "style_strength"
    return [
        _curve(suite, x, y, points, roles=("quality", "style"))
        for x in headlines("quality")
        if (info := metric_info(x)) and info.family == "judge" and (points := _points(suite, x, y))
    ]


def _points(suite: SuiteResults, x: str, y: str) -> list[Point]:
    of_x, of_y = suite.sweep(x), suite.sweep(y)
    return [(t, of_x[t], of_y[t]) for t in of_x if t in of_y]


def _curve(
    suite: SuiteResults,
    x: str,
    y: str,
    points: Sequence[Point],
    *,
    roles: tuple[str, str] = ("diversity", "quality"),
) -> Panel:
    truth_x, truth_y = suite.truth_of(x), suite.truth_of(y)
    info = metric_info(x)

    def draw(ax: "Axes") -> None:
        _band(ax, [(of_x, of_y) for _, of_x, of_y in points])
        for _, of_x, of_y in points:
            _cross(ax, of_x, of_y, MODEL)
        places = [(t, bounds(of_x)[0], bounds(of_y)[0]) for t, of_x, of_y in points]
        _, xs, ys = zip(*places, strict=True)
        ax.plot(xs, ys, "-o", color=MODEL, label="model, over T")
        if truth_x is not None and truth_y is not None:
            _cross(ax, truth_x, truth_y, TRUTH)
            star = ([bounds(truth_x)[0]], [bounds(truth_y)[0]])
            ax.plot(*star, "*", color=TRUTH, markersize=13, label="truth", zorder=4)
        ax.set_xlabel(_axis(x, roles[0]))
        ax.set_ylabel(_axis(y, roles[1]))
        leave_room(ax, [of_y for _, _, of_y in points] + ([truth_y] if truth_y else []))
        ax.margins(x=0.12)
        if info is not None and info.direction == "lower":
            ax.invert_xaxis()  # right is more diverse in every panel
        ax.legend(loc="best")
        _label_points(ax, places)

    rows = [_pair_row(suite, "model", t, of_x, of_y) for t, of_x, of_y in points]
    if truth_x is not None and truth_y is not None:
        rows.append(_pair_row(suite, "truth", truth_x.temperature, truth_x, truth_y))
    first, last = points[0], points[-1]
    return Panel(
        title=f"{label(y)} against {inside_sentence(x)}",
        description=(
            f"From T = {first[0]:g} to {last[0]:g}: {inside_sentence(y)} from "
            f"{first[2].value:.3g} to {last[2].value:.3g}, {inside_sentence(x)} from "
            f"{first[1].value:.3g} to {last[1].value:.3g}."
        ),
        rows=rows,
        draw=draw,
    )


def frontiers(suite: SuiteResults) -> list[Panel]:
    """The frontier of each sweep summary (`metrics/sweep.py`) with headline metrics on both axes:
    area, points that no other temperature beats, and the diversity at matched quality."""
    shown = headlines("quality", "style", "variety")
    return [
        _frontier(suite, found)
        for found in suite.frontiers
        if found["quality"] in shown and found["diversity"] in shown
    ]


def _frontier(suite: SuiteResults, found: Mapping[str, Any]) -> Panel:
    x, y = found["diversity"], found["quality"]
    turned = found["diversity_is"] != "the value"
    points, matched = found["points"], [m for m in found["matched"] if m["value"] is not None]
    best = sorted((p for p in points if p["frontier"]), key=lambda p: p["diversity"])

    def draw(ax: "Axes") -> None:
        # A stair from the left: at each diversity the best quality that is reached with it or more.
        ax.fill_between(
            [0.0, *(p["diversity"] for p in best)],
            [best[0]["quality"], *(p["quality"] for p in best)],
            step="pre",
            color=MODEL,
            alpha=0.13,
            linewidth=0,
            label="hypervolume",
        )
        line = sorted(points, key=lambda p: p["temperature"])
        ax.plot(
            [p["diversity"] for p in line],
            [p["quality"] for p in line],
            "-",
            color=MODEL,
            linewidth=1,
        )
        for on, face in ((True, MODEL), (False, "none")):
            own = [p for p in points if p["frontier"] is on]
            ax.plot(
                [p["diversity"] for p in own],
                [p["quality"] for p in own],
                "o",
                color=MODEL,
                markerfacecolor=face,
                linestyle="none",
                label="frontier" if on else "beaten by another T" if own else None,
            )
        bounded = [m for m in matched if m["low"] is not None]
        for m in bounded:
            ax.plot(
                [m["low"], m["high"]],
                [m["level"]] * 2,
                "|-",
                color=TRUTH,
                linewidth=2.2,
                markersize=7,
                label="at matched quality" if m is bounded[0] else None,
            )
        ax.set_xlim(left=0)
        ax.set_ylim(bottom=0)
        ax.margins(x=0.12, y=0.12)
        ax.set_xlabel(f"{'1 - ' if turned else ''}{label(x)}\ndiversity; higher is better")
        ax.set_ylabel(_axis(y, "quality"))
        ax.legend(loc="lower left")
        _label_points(ax, [(p["temperature"], p["diversity"], p["quality"]) for p in line])

    return Panel(
        title=f"Frontier: {inside_sentence(y)} and {inside_sentence(x)}",
        description=f"{label(y)} and {inside_sentence(x)}: hypervolume "
        f"{interval(found['hypervolume'])}"
        + "".join(f"; diversity {interval(m)} at {100 * m['part']:g} %" for m in matched[-2:])
        + (" of the best quality." if matched else "."),
        rows=list(_frontier_rows(suite, found)),
        draw=draw,
    )


def frontier_table(suite: SuiteResults) -> list[dict[str, Any]]:
    """A row for each pair: names, hypervolume, diversity at each part of the best quality."""
    return [
        {
            "quality": label(found["quality"]),
            "diversity": ("" if found["diversity_is"] == "the value" else "1 - ")
            + label(found["diversity"]),
            "hypervolume": interval(found["hypervolume"]),
            "matched": [
                {"part": f"{100 * m['part']:g} %", "text": interval(m)} for m in found["matched"]
            ],
            "left_out": found["queries_left_out"],
        }
        for found in suite.frontiers
    ]


def interval(found: Mapping[str, Any]) -> str:
    """`0.371 [0.36, 0.382]`, or the value alone, or a dash."""
    if found["value"] is None:
        return "-"
    if found["low"] is None:
        return f"{found['value']:.3g}"
    return f"{found['value']:.3g} [{found['low']:.3g}, {found['high']:.3g}]"


def _frontier_rows(suite: SuiteResults, found: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """One shape for points, levels and the area, since a CSV has one."""
    pair = {"suite": suite.id, "quality_metric": found["quality"]}
    pair |= {"diversity_metric": found["diversity"], "diversity_is": found["diversity_is"]}
    empty = {"temperature": None, "quality": None, "frontier": None}
    for point in found["points"]:
        yield (
            pair
            | {"what": "point", "temperature": point["temperature"]}
            | {
                "quality": point["quality"],
                "frontier": point["frontier"],
                "value": point["diversity"],
                "low": None,
                "high": None,
            }
        )
    for m in found["matched"]:
        yield (
            pair
            | empty
            | {"what": f"diversity at {m['part']:g} of the best quality"}
            | {
                "quality": m["level"],
                **{key: m[key] for key in ("value", "low", "high")},
            }
        )
    area = found["hypervolume"]
    yield (
        pair
        | empty
        | {"what": "hypervolume"}
        | {key: area[key] for key in ("value", "low", "high")}
    )


def _band(ax: "Axes", pairs: Sequence[tuple[Estimate, Estimate]]) -> None:
    """What the 95 % intervals of both axes sweep over along the curve: the hulls of the boxes of
    each two neighbours, as one shape, so that no overlap is darker."""
    from matplotlib.patches import PathPatch
    from matplotlib.path import Path

    boxes = []
    for of_x, of_y in pairs:
        (_, left, right), (_, low, high) = bounds(of_x), bounds(of_y)
        boxes.append([(left, low), (right, low), (right, high), (left, high)])
    hulls = [hull([*one, *two]) for one, two in pairwise(boxes)]
    hulls = [corners for corners in hulls if corners]
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


def _cross(ax: "Axes", of_x: Estimate, of_y: Estimate, color: str) -> None:
    (x, left, right), (y, low, high) = bounds(of_x), bounds(of_y)
    ax.plot([left, right], [y, y], color=color, alpha=0.45, linewidth=1.1)
    ax.plot([x, x], [low, high], color=color, alpha=0.45, linewidth=1.1)


def _label_points(ax: "Axes", points: Sequence[tuple[float, float, float]]) -> None:
    """Label both ends and T = 1 first, then every point that is not too near to a labelled one."""
    temperatures = tuple(t for t, _, _ in points)
    first = (temperatures[0], temperatures[-1], nearest(temperatures, OWN_TEMPERATURE))
    places = {t: (x, y) for t, x, y in points}
    taken: list[tuple[float, float]] = []
    for t in dict.fromkeys((*first, *temperatures)):
        x, y = ax.transData.transform(places[t])
        if all(abs(x - a) > _LABEL_PIXELS[0] or abs(y - b) > _LABEL_PIXELS[1] for a, b in taken):
            taken.append((x, y))
            ax.annotate(
                f"T={t:g}",
                places[t],
                xytext=(0, 6),
                textcoords="offset points",
                ha="center",
                fontsize=7.5,
                zorder=5,
            )


def _axis(metric: str, role: str) -> str:
    return f"{label(metric)}\n{role}; {direction(metric)}"


def _pair_row(
    suite: SuiteResults, who: str, temperature: float, x: Estimate, y: Estimate
) -> dict[str, Any]:
    return {"suite": suite.id, "who": who, "temperature": temperature} | {
        f"{axis}_{key}": getattr(estimate, key)
        for axis, estimate in (("x", x), ("y", y))
        for key in ("metric", "value", "low", "high", "n", "k")
    }
