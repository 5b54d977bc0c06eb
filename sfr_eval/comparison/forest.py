"""The forest plot of a comparison: differences to the base at the temperature that is decided
about, with their intervals."""

from collections.abc import Iterator
from typing import Any

from sfr_eval.comparison.overview import (
    HEADLINES,
    PRIMARY,
    MetricRow,
    Side,
    metric_rows,
    sides_of,
)
from sfr_eval.comparison.result import Comparison
from sfr_eval.comparison.tables import call_words
from sfr_eval.metrics.table import label, metric_info
from sfr_eval.report.charts.chart import ForestChart, ForestMark, ForestRow
from sfr_eval.report.figures import Figure
from sfr_eval.report.numbers import Interval

_TONES: dict[str, Any] = {"gain": "up", "loss": "down"}


def forest(comparison: Comparison, suite: str, temperature: float | None) -> list[Figure]:
    """Return the plot of the primary family and the headline metrics; [] without a difference."""
    sides = sides_of(comparison)
    rows = [
        row
        for row in metric_rows(comparison, suite, temperature)
        if row.part in (PRIMARY, HEADLINES) and any(one.delta is not None for one in row.rows)
    ]
    if not rows:
        return []
    base = comparison.base or "the same decoder of the first sweep"
    chart = ForestChart(
        title=f"Differences to {base}",
        base=base,
        rows=tuple(_row(row, sides) for row in rows),
    )
    return [
        Figure(
            title=chart.title,
            description=_description(chart, temperature),
            rows=list(_records(rows, sides)),
            size=(9.6, 0.9 + sum(0.2 + 0.11 * len(row.marks) for row in chart.rows)),
            chart=chart,
        )
    ]


def place(row: MetricRow) -> str:
    """Return the name of a row: its metric in plain words, and where it is read if that is not the
    temperature of the table."""
    return label(row.metric) + (f" at matched {label(row.matched)}" if row.matched else "")


def _row(row: MetricRow, sides: list[Side]) -> ForestRow:
    info = metric_info(row.metric)
    marks = [
        ForestMark(
            series=side.name,
            number=side.number,
            value=one.row.delta,
            low=one.row.low,
            high=one.row.high,
            words=call_words(one.row),
            tone=_TONES.get(one.row.call, ""),
        )
        for side, one in zip(sides, row.values, strict=True)
        if one.row is not None
    ]
    return ForestRow(
        label=place(row),
        metric=row.metric,
        part=row.part,
        direction="" if row.direction == "neither" else row.direction,
        marks=tuple(marks),
        scale=(info.span if info and info.span else row.reach) or 1.0,
    )


def _records(rows: list[MetricRow], sides: list[Side]) -> Iterator[dict[str, Any]]:
    fields = ("metric", "temperature", "matched", "delta", "low", "high", "n", "call")
    for row in rows:
        for side, one in zip(sides, row.values, strict=True):
            if one.row is not None:
                yield {"run": side.name, "base": side.base, "part": row.part} | {
                    name: getattr(one.row, name) for name in fields
                }


def _description(chart: ForestChart, temperature: float | None) -> str:
    where = "" if temperature is None else f" at T = {temperature:g}"
    primary = [row for row in chart.rows if row.part == PRIMARY]
    told = "; ".join(
        f"{row.label}: "
        + ", ".join(
            f"{mark.series} {Interval(mark.value, mark.low, mark.high).text('+.3g')} {mark.words}"
            for mark in row.marks
        )
        for row in primary
    )
    return (
        f"Differences to {chart.base}{where}, in parts of each metric's span. Intervals of the "
        "primary family hold together (95 %); the others stand alone."
        + (f" {told}." if told else "")
    )
