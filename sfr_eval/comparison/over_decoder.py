"""Metrics over the values of one filter, where the runs of one model differ in it alone."""

from collections.abc import Iterator, Mapping, Sequence

from sfr_eval.comparison.runs import ScoredRun
from sfr_eval.decoders.decoder import FILTERS
from sfr_eval.metrics.table import label
from sfr_eval.report.axes import band, metric_axis, points
from sfr_eval.report.charts.chart import Axis, Series, XYChart
from sfr_eval.report.figures import Figure
from sfr_eval.types import Estimate

FEWEST = 3
"""Values that make a curve."""

Curves = Mapping[float, Mapping[float, Estimate]]
"""temperature -> value of the filter -> estimate"""

_FIELDS = ("metric", "temperature", "value", "low", "high", "n", "k")


def axis_of(runs: Sequence[ScoredRun], suite: str) -> str | None:
    """Return the filter that the runs sweep: the only one in which they differ, each with a value
    of its own. None for other runs, and for fewer than three."""
    sampling = [run.identity.sampling_of(suite) for run in runs]
    values = {name: [fields.get(name) for fields in sampling] for name in FILTERS}
    differing = [name for name, given in values.items() if len(set(given)) > 1]
    if len(differing) != 1 or len({run.fingerprint for run in runs}) > 1:
        return None
    (axis,) = differing
    numbers = [value for value in values[axis] if isinstance(value, int | float)]
    return axis if len(set(numbers)) == len(runs) >= FEWEST else None


def over_decoder(runs: Sequence[ScoredRun], suite: str, metrics: Sequence[str]) -> list[Figure]:
    """Return one figure for each metric: its value over that of the swept filter, a line for each
    temperature, with 95 % intervals as bands; [] where no filter is swept."""
    axis = axis_of(runs, suite)
    if axis is None:
        return []
    ordered = sorted(runs, key=lambda run: run.identity.sampling_of(suite)[axis])
    places = {run.identity.sampling_of(suite)[axis]: run for run in ordered}
    return list(_figures(places, suite, metrics, axis=axis))


def _figures(
    places: Mapping[float, ScoredRun], suite: str, metrics: Sequence[str], *, axis: str
) -> Iterator[Figure]:
    for metric in metrics:
        sweeps = {value: run.suites[suite].sweep(metric) for value, run in places.items()}
        temperatures = sorted({t for sweep in sweeps.values() for t in sweep})
        curves = {
            t: {value: sweep[t] for value, sweep in sweeps.items() if t in sweep}
            for t in temperatures
        }
        if curves:
            yield _figure(curves, suite, metric, axis=axis)


def _figure(curves: Curves, suite: str, metric: str, *, axis: str) -> Figure:
    series = []
    for number, (t, curve) in enumerate(curves.items()):
        marks = points(curve, over_temperature=False)
        series.append(Series(name=f"T = {t:g}", number=number, points=marks, band=band(marks)))
    described = "; ".join(
        f"T = {t:g}: "
        + ", ".join(f"{e.value:.3g} at {axis}={value:g}" for value, e in curve.items())
        for t, curve in curves.items()
    )
    return Figure(
        title=label(metric),
        description=f"{label(metric)} over {axis}: {described}.",
        rows=[
            {"suite": suite, "filter": axis, "at": value}
            | {key: getattr(estimate, key) for key in _FIELDS}
            for curve in curves.values()
            for value, estimate in curve.items()
        ],
        chart=XYChart(
            title=label(metric),
            x=Axis(label=axis),
            y=metric_axis(metric, named=False),
            series=tuple(series),
            cursor=axis,
        ),
    )
