"""Quality and style against variety over the temperatures: one run, on any two axes."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from sfr_eval.metrics.table import (
    headlines,
    inside_sentence,
    label,
    metric_info,
    trade_offs,
)
from sfr_eval.report.axes import metric_axis
from sfr_eval.report.charts.chart import Axis, PlaneChart, PlaneSeries
from sfr_eval.report.charts.plane import pair
from sfr_eval.report.course import turning_point
from sfr_eval.report.figures import Figure
from sfr_eval.report.over_temperature import REFERENCE
from sfr_eval.store.results import SuiteResults
from sfr_eval.types import Estimate

Pair = tuple[Estimate, Estimate]
"""x and y at one temperature"""

LENGTH = "length"
WIDE = (5.6, 3.8)

ROLES = {"variety": "diversity", "quality": "quality", "style": "style", "facts": "length"}
"""Role of a headline metric -> what its axis is called."""


def trade_off(suite: SuiteResults) -> list[Figure]:
    """Return the plane of all measures of quality, style, variety and length that the suite has,
    and for the files the pairs that belong together; [] if there are no two of them."""
    pairs = default_pairs(suite)
    axes = plane_axes([metric for metric in suite.metrics if suite.sweep(metric)])
    if not pairs:
        return []
    x, y = pairs[0]
    chart = PlaneChart(
        title="Quality, style and variety",
        x=x,
        y=y,
        axes=axes,
        series=tuple(_series(suite, [axis.metric for axis in axes])),
    )
    first, *others = [pair_figure(suite, x, y) for x, y in pairs]
    return [replace(first, title=chart.title, chart=chart, size=WIDE, in_files=(first, *others))]


def plane_axes(metrics: Sequence[str]) -> tuple[Axis, ...]:
    """Return the axes that a plane of these metrics lets its reader choose from."""
    shown = [*headlines("quality"), *headlines("style"), *headlines("variety"), LENGTH]
    return tuple(plane_axis(metric) for metric in shown if metric in metrics)


def plane_axis(metric: str) -> Axis:
    """Return an axis of a plane; where lower is better it runs the other way."""
    info = metric_info(metric)
    role = ROLES.get(info.headline[0], "") if info and info.headline else "diversity"
    axis = metric_axis(metric, role=role)
    return Axis(
        label=axis.label,
        role=axis.role,
        metric=metric,
        direction=axis.direction,
        possible=axis.possible,
        reversed=axis.direction == "lower",
    )


def plane_series(
    sweeps: Mapping[str, Mapping[float, Estimate]], *, name: str, number: int, **look: Any
) -> PlaneSeries:
    """Return the points of a run: metric -> temperature -> estimate, by temperature."""
    temperatures = sorted({t for sweep in sweeps.values() for t in sweep})
    points = [
        {
            metric: (estimate.value, estimate.low, estimate.high)
            for metric, sweep in sweeps.items()
            if (estimate := sweep.get(t)) is not None and estimate.value is not None
        }
        for t in temperatures
    ]
    return PlaneSeries(
        name=name,
        number=number,
        points=tuple(points),
        labels=tuple(f"T={t:g}" for t in temperatures),
        turns={
            metric: temperatures.index(turn)
            for metric, sweep in sweeps.items()
            if (turn := _turn(metric, sweep)) is not None
        },
        replies=tuple({"temperature": t} for t in temperatures),
        **look,
    )


def _turn(metric: str, sweep: Mapping[float, Estimate]) -> float | None:
    """Return the temperature from which more heat gives less variety: beyond it a curve folds back
    over itself and does not belong to the trade-off."""
    info = metric_info(metric)
    if info is None or not info.headline or info.headline[0] != "variety":
        return None
    return turning_point(sweep, highest=info.direction != "lower")


def _series(suite: SuiteResults, metrics: Sequence[str]) -> list[PlaneSeries]:
    series = [plane_series({m: suite.sweep(m) for m in metrics}, name="model", number=0)]
    references = {m: suite.truth_of(m) for m in metrics}
    values = {
        m: (one.value, one.low, one.high)
        for m, one in references.items()
        if one is not None and one.value is not None
    }
    if values:
        series.append(
            PlaneSeries(
                name="reference",
                number=REFERENCE,
                points=(values,),
                labels=("",),
                marker="star",
            )
        )
    return series


def default_pairs(suite: SuiteResults) -> list[tuple[str, str]]:
    """Return (x, y) of the pairs of metrics that belong together and were measured, the first
    choice first; pairs whose quality is the same at every temperature come last, since nothing is
    traded off there. Where no quality was measured, length stands for it: longer replies share
    less."""
    pairs = [
        (measured[0], y)
        for y, pairs in trade_offs()
        for group in pairs.figures
        if (measured := [x for x in group if _points(suite, x, y)])
    ]
    by_length = [(x, LENGTH) for x in headlines("variety") if _points(suite, x, LENGTH)]
    return sorted(pairs, key=lambda pair: _is_flat(suite, pair[1])) or by_length[:1]


def _is_flat(suite: SuiteResults, metric: str) -> bool:
    values = [estimate.value for estimate in suite.sweep(metric).values()]
    return len(values) > 1 and len(set(values)) == 1


def judged(suite: SuiteResults) -> list[Figure]:
    """Return style strength against what judges think of the replies, a figure for each axis."""
    return [
        pair_figure(suite, x, "style_strength")
        for x in headlines("quality")
        if (info := metric_info(x)) and info.family == "judge"
        if _points(suite, x, "style_strength")
    ]


def _points(suite: SuiteResults, x: str, y: str) -> dict[float, Pair]:
    xs, ys = suite.sweep(x), suite.sweep(y)
    return {t: (xs[t], ys[t]) for t in sorted(xs) if t in ys}


def pair_figure(suite: SuiteResults, x: str, y: str) -> Figure:
    """Return a metric against another, over the temperatures that both have."""
    points = _points(suite, x, y)
    reference_x, reference_y = suite.truth_of(x), suite.truth_of(y)
    rows = [_row(suite, "model", t, one) for t, one in points.items()]
    if reference_x and reference_y:
        rows.append(_row(suite, "truth", reference_x.temperature, (reference_x, reference_y)))
    axes, series = (plane_axis(x), plane_axis(y)), tuple(_series(suite, [x, y]))
    plane = PlaneChart(title="", x=x, y=y, axes=axes, series=series)
    return Figure(
        title=f"{label(y)} against {inside_sentence(x)}",
        description=_description(points),
        rows=rows,
        chart=pair(plane),
    )


def _description(points: Mapping[float, Pair]) -> str:
    low, high = min(points), max(points)
    first, last = points[low], points[high]
    x, y = (inside_sentence(estimate.metric) for estimate in first)
    if low == high:
        return f"At T = {low:g}: {y} {first[1].value:.3g}, {x} {first[0].value:.3g}."
    return (
        f"From T = {low:g} to {high:g}: {y} from {first[1].value:.3g} to {last[1].value:.3g}, "
        f"{x} from {first[0].value:.3g} to {last[0].value:.3g}."
    )


def _row(suite: SuiteResults, who: str, temperature: float, one: Pair) -> dict[str, Any]:
    return {"suite": suite.id, "who": who, "temperature": temperature} | {
        f"{axis}_{key}": getattr(estimate, key)
        for axis, estimate in zip("xy", one, strict=True)
        for key in ("metric", "value", "low", "high", "n", "k")
    }
