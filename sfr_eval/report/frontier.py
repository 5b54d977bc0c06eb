"""The frontier of a sweep over temperature: area, Pareto-optimal points, matched quality.

The numbers are the summaries of `metrics/sweep.py`, as results.json holds them.
"""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

from sfr_eval.metrics.table import headlines, inside_sentence, label
from sfr_eval.report.charts.chart import Axis, Point, Series, XYChart
from sfr_eval.report.course import turning_point
from sfr_eval.report.figures import Figure
from sfr_eval.report.numbers import Interval
from sfr_eval.report.trade_off import plane_axis
from sfr_eval.stats.curves import CurveEstimate
from sfr_eval.store.results import SuiteResults, SweepPoint, SweepSummary

Points = Sequence[SweepPoint]


def frontiers(suite: SuiteResults) -> list[Figure]:
    """Return a frontier for each measure of quality or style, against the first headline measure of
    variety; the files have all of them, and the table all numbers."""
    shown = headlines("quality", "style", "variety")
    figures: dict[str, list[Figure]] = {}
    for summary in suite.frontiers:
        if summary.quality in shown and summary.diversity in shown:
            figures.setdefault(summary.quality, []).append(_figure(suite, summary))
    return [replace(group[0], in_files=tuple(group)) for group in figures.values()]


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
    temperatures = [point.temperature for point in points]
    model = Series(
        name="model",
        number=0,
        points=tuple(
            Point(
                x=point.diversity,
                y=point.quality,
                label=f"T={point.temperature:g}",
                about="" if point.frontier else "not Pareto-optimal",
                hollow=not point.frontier,
                replies={"temperature": point.temperature},
            )
            for point in points
        ),
        dashed_from=temperatures.index(turn) if turn in temperatures else None,
        area=(stairs(points),),
    )
    return Figure(
        title=f"Frontier: {inside_sentence(y)} and {inside_sentence(x)}",
        description=f"{label(y)} and {inside_sentence(x)}: hypervolume "
        f"{Interval.of(summary.hypervolume).text()}"
        + "".join(
            f"; diversity {Interval.of(row).text()} at {100 * row.part:g} %" for row in matched[-2:]
        )
        + (" of the best quality." if matched else "."),
        rows=list(_rows(suite, summary)),
        chart=XYChart(
            title=f"{label(y)} and {inside_sentence(x)}",
            x=Axis(
                label=f"{diversity_label(summary)}\n(diversity; higher is better)",
                role="diversity",
                direction="higher",
                possible=(0, None),
            ),
            y=plane_axis(y),
            series=(model,),
        ),
    )


def stairs(points: Points) -> tuple[tuple[float, float], ...]:
    """Return the outline of the hypervolume, counted from nothing at all: at each diversity the
    best quality that some temperature reaches with that much or more."""
    best = sorted((p for p in points if p.frontier), key=lambda point: point.diversity)
    corners = [(0.0, 0.0)]
    left = 0.0
    for point in best:
        corners += [(left, point.quality), (point.diversity, point.quality)]
        left = point.diversity
    return (*corners, (left, 0.0))


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
