"""Figures of several runs on the same axes: the plane of all measures, trade-offs, and metrics over
temperature, of runs or of groups of trainings."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from sfr_eval.comparison.differences import compared_metrics, headlines
from sfr_eval.comparison.group_estimates import GroupEstimate
from sfr_eval.comparison.matched import axes as pairs_of
from sfr_eval.comparison.over_decoder import over_decoder
from sfr_eval.comparison.result import Group
from sfr_eval.comparison.runs import ScoredRun
from sfr_eval.metrics.table import label
from sfr_eval.report.axes import TEMPERATURE, band, better, metric_axis, temperature_axis
from sfr_eval.report.charts.chart import PlaneChart, PlaneSeries, Point, Series, XYChart
from sfr_eval.report.charts.plane import both, pair
from sfr_eval.report.figures import Figure
from sfr_eval.report.over_temperature import over_temperature
from sfr_eval.report.trade_off import WIDE, plane_axes, plane_axis, plane_series
from sfr_eval.stats.frontier import frontier

_ENDS = ("value", "low", "high")

_Shape = dict[str, Any]
"""column -> value"""


def figures(
    runs: Sequence[ScoredRun], suite: str, *, groups: Sequence[Group] = ()
) -> dict[str, list[Figure]]:
    """Return kind of plot -> its figures, which share a file. The runs of a group have one colour,
    and the group has its mean with an interval."""
    metrics = compared_metrics(runs, suite)
    plots = {"trade_off": trade_off(plane(runs, suite, groups=groups), suite, metrics=metrics)}
    if groups:
        over = groups_over_temperature(groups, suite, headlines(metrics))
        return plots | {"over_temperature": list(over)}
    return plots | {
        "over_temperature": over_temperature(
            {run.label: run.suites[suite] for run in runs}, headlines(metrics)
        ),
        "over_decoder": over_decoder(runs, suite, headlines(metrics)),
    }


def plane(
    runs: Sequence[ScoredRun], suite: str, *, groups: Sequence[Group] = ()
) -> list[PlaneSeries]:
    """Return the points of each run; of groups the mean of each with its interval, and a thin curve
    for each training."""
    metrics = compared_metrics(runs, suite)
    if not groups:
        return [_run(run, suite, metrics, number=number) for number, run in enumerate(runs)]
    series = [_group(group, suite, number=number) for number, group in enumerate(groups)]
    places = {run: number for number, group in enumerate(groups) for run in group.runs}
    for run in runs:
        number = places[run.label]
        if len(groups[number].runs) > 1:
            one = _run(run, suite, metrics, number=number)
            name = groups[number].name
            series.append(replace(one, name="", thin=True, group=name, turns={}))
    return series


def _run(run: ScoredRun, suite: str, metrics: Sequence[str], *, number: int) -> PlaneSeries:
    sweeps = {metric: run.suites[suite].sweep(metric) for metric in metrics}
    return plane_series(sweeps, name=run.label, number=number)


def _group(group: Group, suite: str, *, number: int) -> PlaneSeries:
    estimates = [estimate for estimate in group.estimates if estimate.suite == suite]
    temperatures = sorted({estimate.temperature for estimate in estimates})
    points: dict[float, dict[str, tuple[float, float | None, float | None]]] = {
        t: {} for t in temperatures
    }
    for e in estimates:
        points[e.temperature][e.metric] = (e.value, e.low, e.high)
    return PlaneSeries(
        name=group.name,
        number=number,
        points=tuple(points.values()),
        labels=tuple(f"T={t:g}" for t in temperatures),
        group=group.name,
        replies=tuple({"temperature": t} for t in temperatures),
    )


def trade_off(series: Sequence[PlaneSeries], suite: str, *, metrics: Sequence[str]) -> list[Figure]:
    """Return all runs in the plane of any two measures, and for the files quality against diversity
    for each pair that belongs together."""
    figures = [
        _pair(series, suite, quality=y, diversity=x)
        for y, x in pairs_of(metrics)
        if all(both(one, x, y) for one in series)
    ]
    if not figures:
        return []
    figures.sort(key=_is_flat)
    first = figures[0]
    assert isinstance(first.chart, XYChart)
    shown = plane_axes([m for m in metrics if any(m in p for one in series for p in one.points)])
    own = {axis.metric for axis in shown}
    ends = [axis for axis in (first.chart.x, first.chart.y) if axis.metric not in own]
    axes = (*shown, *ends)
    chart = PlaneChart(
        title="Quality, style and variety",
        x=first.chart.x.metric,
        y=first.chart.y.metric,
        axes=axes,
        series=tuple(_only(one, [axis.metric for axis in axes]) for one in series),
    )
    description, _, _ = first.description.partition(" Hollow points")
    return [
        replace(
            first,
            title=chart.title,
            description=description,
            chart=chart,
            size=WIDE,
            in_files=tuple(figures),
        )
    ]


def _is_flat(figure: Figure) -> bool:
    """Return whether nothing is traded off: the quality of all runs is the same everywhere."""
    return len({row["quality"] for row in figure.rows}) == 1


def _only(series: PlaneSeries, metrics: Sequence[str]) -> PlaneSeries:
    points = tuple({m: point[m] for m in metrics if m in point} for point in series.points)
    turns = {m: turn for m, turn in series.turns.items() if m in metrics}
    return replace(series, points=points, turns=turns)


def _pair(series: Sequence[PlaneSeries], suite: str, *, quality: str, diversity: str) -> Figure:
    x, y = plane_axis(diversity), plane_axis(quality)
    chart = PlaneChart(title="", x=diversity, y=quality, axes=(x, y), series=tuple(series))
    optimal = pareto_optimal(series, x=diversity, y=quality)
    drawn = pair(
        chart, optimal=[() if one.thin else o for one, o in zip(series, optimal, strict=True)]
    )
    named = [(one, o) for one, o in zip(series, optimal, strict=True) if not one.thin]
    counts = " ".join(
        f"{one.name}: {sum(o)} of {len(o)} temperatures are Pareto-optimal." for one, o in named
    )
    banded = any(one.area for one in drawn.series)
    return Figure(
        title=f"{label(quality)} against {label(diversity)}",
        description=(
            f"{label(quality)} against {label(diversity)}. {counts} Hollow points are not "
            "Pareto-optimal" + ("; bands are 95 % intervals." if banded else ".")
        ),
        rows=list(_rows(series, optimal, suite, quality=quality, diversity=diversity)),
        chart=replace(drawn, series=(*_common(drawn, len(named)), *drawn.series)),
    )


def pareto_optimal(series: Sequence[PlaneSeries], *, x: str, y: str) -> list[list[bool]]:
    """Return for each point with both values whether it is Pareto-optimal among the points of all:
    none is at least as good on both axes and better on one. Trainings of a group are not among
    them, since its mean stands for them."""
    signs = [-1 if better(metric) == "lower" else 1 for metric in (x, y)]
    places = [
        [[sign * one.points[i][m][0] for sign, m in zip(signs, (x, y), strict=True)] for i in own]
        for one in series
        for own in [both(one, x, y)]
    ]
    all_places = np.array(
        [point for one, own in zip(series, places, strict=True) if not one.thin for point in own]
    )
    best = set(frontier(all_places[:, 1], all_places[:, 0]))
    numbers = iter(range(len(all_places)))
    return [
        [False] * len(own) if one.thin else [next(numbers) in best for _ in own]
        for one, own in zip(series, places, strict=True)
    ]


def _common(chart: XYChart, runs: int) -> list[Series]:
    """Return the line through the Pareto-optimal points of all runs: what is to be had by any."""
    best = sorted(
        (point.x, point.y)
        for one in chart.series
        if one.marker == "run"
        for point in one.points
        if not point.hollow
    )
    if runs < 2 or len(best) < 2:
        return []
    points = tuple(Point(x=x, y=y) for x, y in best)
    return [
        Series(
            name="common frontier",
            number=0,
            points=points,
            line="dotted",
            marker="none",
            quiet=True,
        )
    ]


def _rows(
    series: Sequence[PlaneSeries],
    optimal: Sequence[Sequence[bool]],
    suite: str,
    *,
    quality: str,
    diversity: str,
) -> Iterator[_Shape]:
    for one, marks in zip(series, optimal, strict=True):
        for i, best in zip(both(one, diversity, quality), marks, strict=True):
            row: _Shape = {
                "suite": suite,
                "run": one.name or one.group,
                "kind": "training" if one.thin else "point",
                "quality_metric": quality,
                "diversity_metric": diversity,
                "temperature": float(one.labels[i].removeprefix("T=")),
            }
            for role, metric in (("quality", quality), ("diversity", diversity)):
                ends = zip(_ENDS, one.points[i][metric], strict=True)
                row |= {role if key == "value" else f"{role}_{key}": end for key, end in ends}
            yield row | {"beaten": None if one.thin else not best}


def groups_over_temperature(
    groups: Sequence[Group], suite: str, metrics: Sequence[str]
) -> Iterator[Figure]:
    """Yield one figure for each metric: a thin line for each training, and for each group its mean
    with a 95 % band over trainings and queries."""
    for metric in metrics:
        sweeps = {
            group.name: [e for e in group.estimates if (e.suite, e.metric) == (suite, metric)]
            for group in groups
        }
        if any(sweeps.values()):
            yield _groups_figure(groups, sweeps, suite, metric)


def _groups_figure(
    groups: Sequence[Group], sweeps: Mapping[str, Sequence[GroupEstimate]], suite: str, metric: str
) -> Figure:
    described = "; ".join(
        f"{name}, mean of {len(group.runs)} training(s): "
        + ", ".join(f"{e.value:.3g} at T = {e.temperature:g}" for e in sweeps[name])
        for group in groups
        if sweeps[name := group.name]
    )
    return Figure(
        title=label(metric),
        description=f"{label(metric)}: {described}.",
        rows=[row for group in groups for row in _group_rows(group, sweeps[group.name])],
        chart=XYChart(
            title=label(metric),
            x=temperature_axis(),
            y=metric_axis(metric, named=False),
            series=tuple(
                one
                for number, group in enumerate(groups)
                for one in _group_series(group, sweeps[group.name], number=number)
            ),
            cursor=TEMPERATURE,
        ),
    )


def _group_series(group: Group, sweep: Sequence[GroupEstimate], *, number: int) -> Iterator[Series]:
    if len(group.runs) > 1:
        for values in zip(*(e.runs for e in sweep), strict=True):
            marks = zip(sweep, values, strict=True)
            yield Series(
                name="",
                number=number,
                points=tuple(Point(x=e.temperature, y=value) for e, value in marks),
                marker="none",
                thin=True,
                group=group.name,
            )
    points = tuple(
        Point(
            x=e.temperature,
            y=e.value,
            y_low=e.low,
            y_high=e.high,
            about=f"mean of {len(group.runs)} trainings" if len(group.runs) > 1 else "",
            replies={"temperature": e.temperature},
        )
        for e in sweep
    )
    if points:
        yield Series(
            name=group.name, number=number, points=points, band=band(points), group=group.name
        )


def _group_rows(group: Group, sweep: Sequence[GroupEstimate]) -> Iterator[_Shape]:
    """Yield the mean of a group, with its interval, and then each training."""
    for e in sweep:
        row: _Shape = {"suite": e.suite, "group": group.name, "run": None, "metric": e.metric}
        row |= {"temperature": e.temperature, "value": e.value, "low": e.low, "high": e.high}
        yield row | {"n": e.n}
        for run, value in zip(group.runs, e.runs, strict=True):
            yield row | {"run": run, "value": value, "low": None, "high": None, "n": e.n}
