"""Figures of several runs on the same axes: trade-offs with bands."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from sfr_eval.comparison.differences import compared_metrics, headlines
from sfr_eval.comparison.matched import axes, band, pareto_optimal, run_curve
from sfr_eval.comparison.runs import ScoredRun
from sfr_eval.metrics.sweep import Curve
from sfr_eval.metrics.table import label, metric_info
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

HOLLOW = "#ffffff"

_NUMBERS = ("temperature", "quality", "diversity", "diversity_low", "diversity_high", "beaten")

_Shape = dict[str, Any]
"""column -> value; None where a point or a level of the band has none"""


def figures(runs: Sequence[ScoredRun], suite: str) -> dict[str, list[Figure]]:
    """Return kind of plot -> its figures, which share a file."""
    metrics = compared_metrics(runs, suite)
    return {
        "trade_off": trade_offs(runs, suite, metrics=metrics),
        "over_temperature": over_temperature(
            {run.label: run.suites[suite] for run in runs}, headlines(metrics)
        ),
    }


@dataclass(frozen=True, kw_only=True)
class _Line:
    """The mean curve of one run, its band, and which of its points are Pareto-optimal."""

    run: str
    curve: Curve
    band: Sequence[Mapping[str, float]]
    optimal: Sequence[bool]

    @property
    def points(self) -> list[Point]:
        """(temperature, diversity, quality) of each point."""
        sides = (self.curve.diversities, self.curve.qualities)
        diversities, qualities = (side.mean(axis=0).tolist() for side in sides)
        return list(zip(self.curve.temperatures, diversities, qualities, strict=True))


def trade_offs(runs: Sequence[ScoredRun], suite: str, *, metrics: Sequence[str]) -> list[Figure]:
    """Return quality against diversity, all runs together, for each pair of metrics."""
    plots = []
    for quality, diversity in axes(metrics):
        curves = [run_curve(run, suite, quality, diversity) for run in runs]
        if all(curve.queries and curve.temperatures for curve in curves):
            lines = [
                _Line(run=run.label, curve=curve, band=band(curve), optimal=optimal)
                for run, curve, optimal in zip(runs, curves, pareto_optimal(curves), strict=True)
            ]
            plots.append(_trade_off(lines, suite))
    return plots


def _trade_off(lines: Sequence[_Line], suite: str) -> Figure:
    quality, diversity = lines[0].curve.quality, lines[0].curve.diversity
    info = metric_info(diversity)
    turned = "1 - " if info is not None and info.direction == "lower" else ""

    def draw(ax: "Axes") -> None:
        for number, line in enumerate(lines):
            _draw_line(ax, line, colour=COLOURS[number % 6], marker=MARKERS[number % 6])
        ax.set_xlabel(f"{turned}{label(diversity)}\ndiversity; higher is better")
        ax.set_ylabel(f"{label(quality)}\nquality; higher is better")
        ax.margins(x=0.12, y=0.12)
        ax.legend(loc="best")
        label_temperatures(ax, [line.points for line in lines])

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
            "Pareto-optimal; bands are 95 % for the diversity at a quality."
        ),
        rows=[*_point_rows(lines, shape), *_band_rows(lines, shape)],
        draw=draw,
    )


def _draw_line(ax: "Axes", line: _Line, *, colour: str, marker: str) -> None:
    levels, low, high = columns_of(line.band, "level", "low", "high")
    ax.fill_betweenx(levels, low, high, color=colour, alpha=0.18, linewidth=0)
    _, *places = np.array(line.points).T
    optimal = np.array(line.optimal)
    ax.plot(*places, "-", color=colour)
    for chosen, face, name in ((optimal, colour, line.run), (~optimal, HOLLOW, None)):
        x, y = (values[chosen] for values in places)
        ax.plot(x, y, marker, color=colour, markerfacecolor=face, label=name)


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
