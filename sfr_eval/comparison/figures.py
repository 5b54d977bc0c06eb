"""Figures of several runs on the same axes: trade-offs with bands, and groups of trainings."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from operator import attrgetter
from typing import TYPE_CHECKING, Any

import numpy as np

from sfr_eval.comparison.differences import compared_metrics, headlines
from sfr_eval.comparison.group_estimates import GroupEstimate
from sfr_eval.comparison.matched import axes, band, pareto_optimal, run_curve
from sfr_eval.comparison.result import Group
from sfr_eval.comparison.runs import ScoredRun
from sfr_eval.metrics.sweep import Curve
from sfr_eval.metrics.table import direction, label, metric_info
from sfr_eval.report.figures import (
    COLOURS,
    MARKERS,
    Figure,
    Point,
    columns_of,
    label_temperatures,
)
from sfr_eval.report.over_temperature import over_temperature

if TYPE_CHECKING:
    from matplotlib.axes import Axes

HOLLOW, FRONTIER = "#ffffff", "#555555"

_NUMBERS = ("temperature", "quality", "diversity", "diversity_low", "diversity_high", "beaten")

_Shape = dict[str, Any]
"""column -> value; None where a point or a level of the band has none"""


def figures(
    runs: Sequence[ScoredRun], suite: str, *, groups: Sequence[Group] = ()
) -> dict[str, list[Figure]]:
    """Return kind of plot -> its figures, which share a file. The runs of a group have one colour,
    and over temperature the group has a band."""
    metrics = compared_metrics(runs, suite)
    plots = trade_offs(runs, suite, metrics=metrics, groups=groups)
    if groups:
        over = groups_over_temperature(groups, suite, headlines(metrics))
        return {"trade_off": plots, "over_temperature": list(over)}
    return {
        "trade_off": plots,
        "over_temperature": over_temperature(
            {run.label: run.suites[suite] for run in runs}, headlines(metrics)
        ),
    }


@dataclass(frozen=True, kw_only=True)
class _Line:
    """The mean curve of one run, its band, and which of its points are Pareto-optimal."""

    run: str
    colour: str
    marker: str
    name: str | None  # in the legend
    curve: Curve
    band: Sequence[Mapping[str, float]]
    optimal: Sequence[bool]

    @property
    def points(self) -> list[Point]:
        """(temperature, diversity, quality) of each point."""
        sides = (self.curve.diversities, self.curve.qualities)
        diversities, qualities = (side.mean(axis=0).tolist() for side in sides)
        return list(zip(self.curve.temperatures, diversities, qualities, strict=True))


def trade_offs(
    runs: Sequence[ScoredRun],
    suite: str,
    *,
    metrics: Sequence[str],
    groups: Sequence[Group] = (),
) -> list[Figure]:
    """Return quality against diversity, all runs together, for each pair of metrics."""
    owners = {label: group.name for group in groups for label in group.runs}
    names = [owners.get(run.label, run.label) for run in runs]
    places = [group.name for group in groups] or names
    plots = []
    for quality, diversity in axes(metrics):
        curves = [run_curve(run, suite, quality, diversity) for run in runs]
        if all(curve.queries and curve.temperatures for curve in curves):
            optimal = pareto_optimal(curves)
            lines = [
                _Line(
                    run=run.label,
                    colour=COLOURS[places.index(names[number]) % 6],
                    marker=_marker(places.index(names[number])),
                    name=names[number] if names.index(names[number]) == number else None,
                    curve=curves[number],
                    # Bands of queries alone would hide how far the trainings are apart.
                    band=() if groups else band(curves[number]),
                    optimal=optimal[number],
                )
                for number, run in enumerate(runs)
            ]
            plots.append(_trade_off(lines, suite))
    return plots


def _marker(place: int) -> str:
    """Return the marker of a run; with more runs than colours, none has colour and marker of
    another."""
    return MARKERS[(place + place // 6) % 6]


def _trade_off(lines: Sequence[_Line], suite: str) -> Figure:
    quality, diversity = lines[0].curve.quality, lines[0].curve.diversity
    info = metric_info(diversity)
    turned = "1 - " if info is not None and info.direction == "lower" else ""

    def draw(ax: "Axes") -> None:
        _draw_frontier(ax, lines)
        for line in lines:
            _draw_line(ax, line)
        ax.set_xlabel(f"{turned}{label(diversity)}\ndiversity; higher is better")
        ax.set_ylabel(f"{label(quality)}\nquality; higher is better")
        ax.margins(x=0.12, y=0.12)
        ax.legend(loc="best")
        label_temperatures(ax, [line.points for line in lines if line.name is not None])

    shape = {
        "suite": suite,
        "run": None,
        "kind": None,
        "quality_metric": quality,
        "diversity_metric": f"{turned}{diversity}",
    } | dict.fromkeys(_NUMBERS)
    counts = " ".join(
        f"{line.run}: {sum(line.optimal)} of {len(line.optimal)} temperatures are Pareto-optimal."
        for line in lines
    )
    return Figure(
        title=f"{label(quality)} against {label(diversity)}",
        description=(
            f"{label(quality)} against {label(diversity)}. {counts} Hollow points are not "
            "Pareto-optimal"
            + (
                "; bands are 95 % for the diversity at a quality."
                if any(line.band for line in lines)
                else "."
            )
        ),
        rows=[*_point_rows(lines, shape), *_band_rows(lines, shape)],
        draw=draw,
    )


def _draw_line(ax: "Axes", line: _Line) -> None:
    colour = line.colour
    levels, low, high = columns_of(line.band, "level", "low", "high")
    ax.fill_betweenx(levels, low, high, color=colour, alpha=0.18, linewidth=0)
    _, *places = np.array(line.points).T
    optimal = np.array(line.optimal)
    ax.plot(*places, "-", color=colour)
    for chosen, face, name in ((optimal, colour, line.name), (~optimal, HOLLOW, None)):
        x, y = (values[chosen] for values in places)
        ax.plot(x, y, line.marker, color=colour, markerfacecolor=face, label=name)


def _draw_frontier(ax: "Axes", lines: Sequence[_Line]) -> None:
    """Join the Pareto-optimal points of all runs: what is to be had by any of them."""
    best = sorted(
        point[1:]
        for line in lines
        for point, optimal in zip(line.points, line.optimal, strict=True)
        if optimal
    )
    if len(lines) > 1 and len(best) > 1:
        ax.plot(*np.array(best).T, ":", color=FRONTIER, label="common frontier", zorder=1)


def _point_rows(lines: Sequence[_Line], shape: _Shape) -> Iterator[_Shape]:
    for line in lines:
        for (t, diversity, quality), optimal in zip(line.points, line.optimal, strict=True):
            place = {"temperature": t, "quality": quality, "diversity": diversity}
            yield shape | {"run": line.run, "kind": "point"} | place | {"beaten": not optimal}


def _band_rows(lines: Sequence[_Line], shape: _Shape) -> Iterator[_Shape]:
    for line in lines:
        for row in line.band:
            place = {"quality": row["level"], "diversity": row["value"]}
            ends = {"diversity_low": row["low"], "diversity_high": row["high"]}
            yield shape | {"run": line.run, "kind": "band"} | place | ends


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
    def draw(ax: "Axes") -> None:
        for number, (name, sweep) in enumerate(sweeps.items()):
            if not sweep:
                continue
            colour, marker = COLOURS[number % 6], MARKERS[number % 6]
            places = [estimate.temperature for estimate in sweep]
            low, high = (
                [e.value if end(e) is None else end(e) for e in sweep]
                for end in (attrgetter("low"), attrgetter("high"))
            )
            ax.fill_between(places, low, high, color=colour, alpha=0.2, linewidth=0)
            for means in zip(*(estimate.runs for estimate in sweep), strict=True):
                ax.plot(places, means, "-", color=colour, linewidth=0.6, alpha=0.8)
            values = [estimate.value for estimate in sweep]
            ax.plot(places, values, f"-{marker}", color=colour, label=name)
        ax.legend(loc="best")
        ax.set_title(label(metric))
        ax.set_xlabel("temperature")
        ax.set_ylabel(direction(metric) or "neither way is better")

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
        draw=draw,
    )


def _group_rows(group: Group, sweep: Sequence[GroupEstimate]) -> Iterator[_Shape]:
    """Yield the mean of a group, with its interval, and then each training."""
    for e in sweep:
        row: _Shape = {"suite": e.suite, "group": group.name, "run": None, "metric": e.metric}
        row |= {"temperature": e.temperature, "value": e.value, "low": e.low, "high": e.high}
        yield row | {"n": e.n}
        for run, value in zip(group.runs, e.runs, strict=True):
            yield row | {"run": run, "value": value, "low": None, "high": None, "n": e.n}
