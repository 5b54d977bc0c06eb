"""Figures of several runs on the same axes: trade-offs with bands, metrics over temperature."""

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from sfr_eval.comparison.differences import compared_metrics, headlines
from sfr_eval.comparison.matched import axes, band, beaten, run_curve
from sfr_eval.comparison.runs import ScoredRun
from sfr_eval.metrics.sweep import Curve
from sfr_eval.metrics.table import direction, label, metric_info
from sfr_eval.report.figures import Panel
from sfr_eval.report.numbers import bounds

if TYPE_CHECKING:
    from matplotlib.axes import Axes

COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9")
MARKERS = ("o", "s", "^", "D", "v", "P")
HOLLOW = "#ffffff"


def trade_offs(runs: Sequence[ScoredRun], suite: str) -> list[Panel]:
    """Quality against diversity, all runs together, for each pair of metrics that all have."""
    panels = []
    for quality, diversity in axes(compared_metrics(runs, suite)):
        curves = [run_curve(run, suite, quality, diversity) for run in runs]
        if all(c.queries and c.temperatures for c in curves):
            panels.append(_trade_off(runs, suite, curves))
    return panels


def over_temperature(runs: Sequence[ScoredRun], suite: str) -> list[Panel]:
    """Each headline metric against temperature, all runs together, with 95% bands."""
    return [
        _sweep(runs, suite, metric)
        for metric in headlines(compared_metrics(runs, suite))
        if any(run.suites[suite].sweep(metric) for run in runs)
    ]


def _trade_off(runs: Sequence[ScoredRun], suite: str, curves: Sequence[Curve]) -> Panel:
    quality, diversity = curves[0].quality, curves[0].diversity
    info = metric_info(diversity)
    turned = info is not None and info.direction == "lower"
    bands, lost = [band(c) for c in curves], beaten(curves)
    points = [(c.diversities.mean(axis=0), c.qualities.mean(axis=0)) for c in curves]

    def draw(ax: "Axes") -> None:
        for number, (x, y) in enumerate(points):
            colour, marker = COLOURS[number % 6], MARKERS[number % 6]
            rows = bands[number]
            ax.fill_betweenx(
                [row["level"] for row in rows],
                [row["low"] for row in rows],
                [row["high"] for row in rows],
                color=colour,
                alpha=0.18,
                linewidth=0,
            )
            ax.plot(x, y, "-", color=colour)
            for beat, name in ((False, f"{runs[number].label}"), (True, None)):
                chosen = np.array(lost[number]) == beat
                ax.plot(
                    x[chosen],
                    y[chosen],
                    marker,
                    color=colour,
                    markerfacecolor=HOLLOW if beat else colour,
                    label=name,
                )
        name = f"1 - {label(diversity)}" if turned else label(diversity)
        ax.set_xlabel(f"{name}\ndiversity; higher is better")
        ax.set_ylabel(f"{label(quality)}\nquality; higher is better")
        ax.margins(x=0.12, y=0.12)
        ax.legend(loc="best")
        _label_ends(ax, curves)

    return Panel(
        title=f"{label(quality)} against {label(diversity)}",
        description=(
            f"{label(quality)} against {label(diversity)}. "
            + " ".join(
                f"{run.label}: {sum(flags)} of {len(flags)} temperatures are beaten by another "
                "point."
                for run, flags in zip(runs, lost, strict=True)
            )
            + " Hollow points are beaten; bands are 95 % for the diversity at a quality."
        ),
        rows=[
            *(
                _row(suite, run, "point", quality, diversity, turned)
                | {
                    "temperature": t,
                    "quality": float(y),
                    "diversity": float(x),
                    "diversity_low": None,
                    "diversity_high": None,
                    "beaten": bool(flag),
                }
                for run, c, (xs, ys), flags in zip(runs, curves, points, lost, strict=True)
                for t, x, y, flag in zip(c.temperatures, xs, ys, flags, strict=True)
            ),
            *(
                _row(suite, run, "band", quality, diversity, turned)
                | {
                    "temperature": None,
                    "quality": row["level"],
                    "diversity": row["value"],
                    "diversity_low": row["low"],
                    "diversity_high": row["high"],
                    "beaten": None,
                }
                for run, rows in zip(runs, bands, strict=True)
                for row in rows
            ),
        ],
        draw=draw,
    )


def _label_ends(ax: "Axes", curves: Sequence[Curve]) -> None:
    """Label both ends of each curve, unless a label is there already."""
    taken: list[tuple[float, float]] = []
    for number, c in enumerate(curves):
        places = c.diversities.mean(axis=0), c.qualities.mean(axis=0)
        for i in (0, len(c.temperatures) - 1):
            place = float(places[0][i]), float(places[1][i])
            x, y = ax.transData.transform(place)
            if any(abs(x - a) < 38 and abs(y - b) < 13 for a, b in taken):  # pixels
                continue
            taken.append((x, y))
            ax.annotate(
                f"T={c.temperatures[i]:g}",
                place,
                xytext=(0, 6),
                textcoords="offset points",
                ha="center",
                fontsize=7.5,
                color=COLOURS[number % 6],
            )


def _row(
    suite: str, run: ScoredRun, kind: str, quality: str, diversity: str, turned: bool
) -> dict[str, Any]:
    return {
        "suite": suite,
        "run": run.label,
        "kind": kind,
        "quality_metric": quality,
        "diversity_metric": f"1 - {diversity}" if turned else diversity,
    }


def _sweep(runs: Sequence[ScoredRun], suite: str, metric: str) -> Panel:
    sweeps = [run.suites[suite].sweep(metric) for run in runs]

    def draw(ax: "Axes") -> None:
        for number, sweep in enumerate(sweeps):
            if not sweep:
                continue
            colour = COLOURS[number % 6]
            values, lows, highs = zip(*map(bounds, sweep.values()), strict=True)
            ax.fill_between(list(sweep), lows, highs, color=colour, alpha=0.18, linewidth=0)
            style = f"-{MARKERS[number % 6]}"
            ax.plot(list(sweep), values, style, color=colour, label=runs[number].label)
        ax.set_title(label(metric))
        ax.set_xlabel("temperature")
        ax.set_ylabel(direction(metric) or "neither way is better")
        ax.margins(y=0.12)
        ax.legend(loc="best")

    return Panel(
        title=label(metric),
        description=f"{label(metric)}: "
        + "; ".join(_course(run, sweep) for run, sweep in zip(runs, sweeps, strict=True))
        + ".",
        rows=list(_sweep_rows(runs, suite, metric, sweeps)),
        draw=draw,
    )


def _course(run: ScoredRun, sweep: Mapping[float, Any]) -> str:
    if not sweep:
        return f"{run.label} has no value"
    first, last = min(sweep), max(sweep)
    return (
        f"{run.label} goes from {sweep[first].value:.3g} at T = {first:g} to "
        f"{sweep[last].value:.3g} at T = {last:g}"
    )


def _sweep_rows(
    runs: Sequence[ScoredRun], suite: str, metric: str, sweeps: Sequence[Mapping[float, Any]]
) -> Iterator[dict[str, Any]]:
    for run, sweep in zip(runs, sweeps, strict=True):
        for t, estimate in sweep.items():
            yield {
                "suite": suite,
                "run": run.label,
                "metric": metric,
                "temperature": t,
                "value": estimate.value,
                "low": estimate.low,
                "high": estimate.high,
                "n": estimate.n,
                "k": estimate.k,
            }
