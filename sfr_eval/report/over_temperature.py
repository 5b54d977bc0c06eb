"""Metrics over temperature, of one run or of several on the same axes.

Where all runs have one and the same temperature the metrics are rows of one chart, each with its
interval, in place of a panel with one point for each.
"""

from collections.abc import Mapping, Sequence

from sfr_eval.metrics.table import label, metric_info, possible
from sfr_eval.report.axes import (
    TEMPERATURE,
    band,
    better,
    metric_axis,
    points,
    temperature_axis,
)
from sfr_eval.report.charts.chart import (
    ForestChart,
    ForestMark,
    ForestRow,
    Point,
    Series,
    XYChart,
)
from sfr_eval.report.figures import Figure
from sfr_eval.report.numbers import Interval
from sfr_eval.store.results import SuiteResults
from sfr_eval.types import Estimate

Sweeps = Mapping[str, Mapping[float, Estimate]]
"""name of a run -> temperature -> estimate"""

REFERENCE = 1
"""The number, and so the colour, of the reference beside a single run."""

_FIELDS = ("metric", "temperature", "value", "low", "high", "n", "k")
_ROLES = {
    "quality": "Quality",
    "style": "Style",
    "variety": "Variety",
    "inside": "Inside the model",
    "facts": "Facts",
}


def over_temperature(
    runs: Mapping[str, SuiteResults], metrics: Sequence[str], *, column: str = "run"
) -> list[Figure]:
    """Return one figure for each metric that some run has, with 95 % intervals as bands.

    `runs` maps names to results of one suite; `column` of the CSV holds these names. The reference
    distribution is drawn beside a single run.
    """
    measured = [metric for metric in metrics if any(suite.sweep(metric) for suite in runs.values())]
    temperatures = {t for suite in runs.values() for m in measured for t in suite.sweep(m)}
    if len(temperatures) == 1:
        return [_at_one_temperature(runs, measured, temperatures.pop(), column=column)]
    return [_figure(runs, metric, column=column) for metric in measured]


def _figure(runs: Mapping[str, SuiteResults], metric: str, *, column: str) -> Figure:
    first, *_ = runs.values()
    sweeps = {name: suite.sweep(metric) for name, suite in runs.items()}
    reference = _reference(runs, metric)
    series = []
    for number, (name, sweep) in enumerate(sweeps.items()):
        if sweep:
            marks = points(sweep)
            series.append(Series(name=name, number=number, points=marks, band=band(marks)))
    if reference is not None:
        series.append(level("reference", reference))
    return Figure(
        title=label(metric),
        description=_description(metric, sweeps, reference),
        rows=[
            {"suite": first.id, column: name} | _fields(estimate)
            for name, estimate in _drawn(sweeps, reference)
        ],
        chart=XYChart(
            title=label(metric),
            x=temperature_axis(),
            y=metric_axis(metric, named=False),
            series=tuple(series),
            cursor=TEMPERATURE,
        ),
    )


def level(name: str, estimate: Estimate, *, number: int = REFERENCE) -> Series:
    """Return a line across the chart."""
    assert estimate.value is not None
    point = Point(
        x=estimate.temperature, y=estimate.value, y_low=estimate.low, y_high=estimate.high
    )
    return Series(
        name=name, number=number, points=(point,), line="dashed", marker="none", level=True
    )


def _reference(runs: Mapping[str, SuiteResults], metric: str) -> Estimate | None:
    first, *others = runs.values()
    reference = None if others else first.truth_of(metric)
    return reference if reference is not None and reference.value is not None else None


def _drawn(sweeps: Sweeps, reference: Estimate | None) -> list[tuple[str, Estimate]]:
    drawn = [(name, estimate) for name, sweep in sweeps.items() for estimate in sweep.values()]
    return drawn if reference is None else [*drawn, ("truth", reference)]


def _fields(estimate: Estimate) -> dict[str, object]:
    return {key: getattr(estimate, key) for key in _FIELDS}


def _description(metric: str, sweeps: Sweeps, reference: Estimate | None) -> str:
    parts = []
    for name, sweep in sweeps.items():
        values = ", ".join(f"{e.value:.3g} at T = {t:g}" for t, e in sweep.items())
        parts.append(f"{name} {values or 'has no value'}" if len(sweeps) > 1 else values)
    if reference is not None:
        parts.append(f"reference {reference.value:.3g}")
    return f"{label(metric)}: {'; '.join(parts)}."


def _at_one_temperature(
    runs: Mapping[str, SuiteResults], metrics: Sequence[str], temperature: float, *, column: str
) -> Figure:
    first, *_ = runs.values()
    rows, drawn = [], []
    for metric in metrics:
        sweeps = {name: suite.sweep(metric) for name, suite in runs.items()}
        reference = _reference(runs, metric)
        estimates = _drawn(sweeps, reference)
        drawn += estimates
        marks = [
            mark(name, number, sweep[temperature])
            for number, (name, sweep) in enumerate(sweeps.items())
            if temperature in sweep
        ]
        if reference is not None:
            marks.append(mark("reference", REFERENCE, reference, star=True))
        rows.append(_row(metric, marks))
    title = f"At T = {temperature:g}"
    height = 0.2 + 0.06 * len(runs)
    values = ", ".join(
        f"{name + ' ' if len(runs) > 1 else ''}{label(e.metric)} {Interval.of(e).rounded()}"
        for name, e in drawn
        if name != "truth"
    )
    return Figure(
        title=title,
        description=f"{title}: {values}.",
        rows=[{"suite": first.id, column: name} | _fields(estimate) for name, estimate in drawn],
        chart=ForestChart(title=title, base="", rows=tuple(rows)),
        size=(5.2, 1.0 + 0.26 * len({row.part for row in rows}) + height * len(rows)),
    )


def mark(name: str, number: int, estimate: Estimate, *, star: bool = False) -> ForestMark:
    """Return the mark of an estimate."""
    return ForestMark(
        series=name,
        number=number,
        value=estimate.value,
        low=estimate.low,
        high=estimate.high,
        marker="star" if star else "run",
        replies={} if star else {"temperature": estimate.temperature},
    )


def _row(metric: str, marks: Sequence[ForestMark]) -> ForestRow:
    """Return a row that reaches over all that is possible, or from 0 over all its marks."""
    low, high = possible(metric)
    ends = [end for one in marks for end in (one.value, one.low, one.high) if end is not None]
    start = min(0.0, *ends) if low is None else low
    stop = 1.1 * max(ends) if high is None else high
    info = metric_info(metric)
    role = info.headline[0] if info is not None and info.headline else "facts"
    return ForestRow(
        label=label(metric),
        metric=metric,
        part=_ROLES.get(role, role.capitalize()),
        direction=better(metric),
        marks=tuple(marks),
        start=start,
        scale=(stop - start) or 1.0,
    )
