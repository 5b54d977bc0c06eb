"""The frontier of a sweep over temperature: area, Pareto-optimal points, matched quality.

The numbers are the summaries of `metrics/sweep.py`, as results.json holds them.
"""

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from sfr_eval.metrics.table import headlines, inside_sentence, label
from sfr_eval.report.course import turning_point
from sfr_eval.report.figures import MODEL, REFERENCE, Figure, label_temperatures
from sfr_eval.report.numbers import Interval
from sfr_eval.report.trade_off import axis_label, draw_path
from sfr_eval.stats.curves import CurveEstimate
from sfr_eval.store.results import MatchedLevel, SuiteResults, SweepPoint, SweepSummary

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Points = Sequence[SweepPoint]


def frontiers(suite: SuiteResults) -> list[Figure]:
    """Return the frontier of each summary that has headline metrics on both axes."""
    shown = headlines("quality", "style", "variety")
    return [
        _figure(suite, summary)
        for summary in suite.frontiers
        if summary.quality in shown and summary.diversity in shown
    ]


def frontier_table(suite: SuiteResults) -> list[dict[str, Any]]:
    """Return a row for each pair: names, hypervolume, diversity at parts of the best quality."""
    return [
        {
            "quality": label(summary.quality),
            "diversity": diversity_label(summary),
            "hypervolume": Interval.of(summary.hypervolume).text(),
            "matched": [
                {"part": f"{100 * row.part:g} %", "text": Interval.of(row).text()}
                for row in summary.matched
            ],
            "left_out": summary.queries_left_out,
        }
        for summary in suite.frontiers
    ]


def diversity_label(summary: SweepSummary) -> str:
    """Return the name of the diversity axis, on which higher is always better."""
    turned = summary.diversity_is != "the value"
    return f"{'1 - ' if turned else ''}{label(summary.diversity)}"


def _figure(suite: SuiteResults, summary: SweepSummary) -> Figure:
    x, y = summary.diversity, summary.quality
    points = sorted(summary.points, key=lambda point: point.temperature)
    matched = [row for row in summary.matched if row.value is not None]
    turn = turning_point(suite.sweep(x), highest=summary.diversity_is == "the value")

    def draw(ax: "Axes") -> None:
        _draw_area(ax, points)
        _draw_points(ax, points, turn=turn)
        _draw_matched(ax, matched)
        ax.set_xlim(left=0)
        ax.set_ylim(bottom=0)
        ax.margins(x=0.12, y=0.12)
        ax.set_xlabel(f"{diversity_label(summary)}\ndiversity; higher is better")
        ax.set_ylabel(axis_label(y, "quality"))
        ax.legend(loc="lower left")
        label_temperatures(ax, [[(p.temperature, p.diversity, p.quality) for p in points]])

    return Figure(
        title=f"Frontier: {inside_sentence(y)} and {inside_sentence(x)}",
        description=f"{label(y)} and {inside_sentence(x)}: hypervolume "
        f"{Interval.of(summary.hypervolume).text()}"
        + "".join(
            f"; diversity {Interval.of(row).text()} at {100 * row.part:g} %" for row in matched[-2:]
        )
        + (" of the best quality." if matched else "."),
        rows=list(_rows(suite, summary)),
        draw=draw,
    )


def _draw_area(ax: "Axes", points: Points) -> None:
    """Draw a stair from the left: the best quality reached at each diversity or more."""
    best = sorted((p for p in points if p.frontier), key=lambda point: point.diversity)
    diversities, qualities = _places(best)
    ax.fill_between(
        [0.0, *diversities],
        [qualities[0], *qualities],
        step="pre",
        color=MODEL,
        alpha=0.13,
        linewidth=0,
        label="hypervolume",
    )


def _draw_points(ax: "Axes", points: Points, *, turn: float | None) -> None:
    places = {p.temperature: (p.diversity, p.quality) for p in points}
    draw_path(ax, places, turn=turn, width=1)
    for optimal, face, name in ((True, MODEL, "frontier"), (False, "none", "not Pareto-optimal")):
        chosen = [point for point in points if point.frontier is optimal]
        ax.plot(
            *_places(chosen),
            "o",
            color=MODEL,
            markerfacecolor=face,
            linestyle="none",
            label=name if chosen else None,
        )


def _places(points: Points) -> tuple[list[float], list[float]]:
    return [point.diversity for point in points], [point.quality for point in points]


def _draw_matched(ax: "Axes", matched: Sequence[MatchedLevel]) -> None:
    bounded = [
        (row.level, row.low, row.high)
        for row in matched
        if row.low is not None and row.high is not None
    ]
    for number, (level, low, high) in enumerate(bounded):
        ax.plot(
            [low, high],
            [level] * 2,
            "|-",
            color=REFERENCE,
            linewidth=2.2,
            markersize=7,
            label=None if number else "at matched quality",
        )


def _rows(suite: SuiteResults, summary: SweepSummary) -> Iterator[dict[str, Any]]:
    """Yield points, levels and the area in one shape, since a CSV has one."""
    shape = {
        "suite": suite.id,
        "quality_metric": summary.quality,
        "diversity_metric": summary.diversity,
        "diversity_is": summary.diversity_is,
    } | dict.fromkeys(("what", "temperature", "quality", "frontier", "value", "low", "high"))
    for point in summary.points:
        fields = {key: getattr(point, key) for key in ("temperature", "quality", "frontier")}
        yield shape | {"what": "point", "value": point.diversity} | fields
    for row in summary.matched:
        what = f"diversity at {row.part:g} of the best quality"
        yield shape | {"what": what, "quality": row.level} | _ends(row)
    yield shape | {"what": "hypervolume"} | _ends(summary.hypervolume)


def _ends(row: CurveEstimate) -> dict[str, Any]:
    return {"value": row.value, "low": row.low, "high": row.high}
