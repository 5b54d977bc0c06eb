"""Code and mathematics in a report: curves over k, pass@k by slice, how replies were graded."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from sfr_eval.metrics.families import MAJORITY
from sfr_eval.metrics.metric import Metric
from sfr_eval.metrics.table import curves, direction, metric_table, pass_k, shown_ks
from sfr_eval.report.cells import cells
from sfr_eval.report.figures import MODEL, Figure, draw_estimates
from sfr_eval.report.numbers import bounds
from sfr_eval.report.tables import facts
from sfr_eval.store.results import SuiteResults
from sfr_eval.types import Estimate

if TYPE_CHECKING:
    from matplotlib.axes import Axes

PASS = "pass_at_k"


def curve(suite: SuiteResults, metric: Metric, temperature: float) -> dict[int, Estimate]:
    """Return k -> estimate, for every k that is reported."""
    estimates = {k: suite.at(metric.at(k).id, temperature) for k in range(1, suite.samples + 1)}
    return {k: estimate for k, estimate in estimates.items() if estimate is not None}


def over_k(suite: SuiteResults) -> list[Figure]:
    """Return each curve over k with its interval as a band, a figure for each temperature."""
    return [
        _figure(suite, metric, t, points)
        for metric in curves()
        for t in suite.temperatures
        if len(points := curve(suite, metric, t)) > 1
    ]


def _figure(
    suite: SuiteResults, metric: Metric, temperature: float, points: Mapping[int, Estimate]
) -> Figure:
    title = f"{metric.curve}, T = {temperature:g}"

    def draw(ax: "Axes") -> None:
        from matplotlib.ticker import MaxNLocator

        draw_estimates(ax, points, colour=MODEL, alpha=0.22)
        ax.set_title(title)
        ax.set_xlabel("k")
        ax.set_ylabel(direction(metric.id))
        highest = max(bounds(estimate)[2] for estimate in points.values())
        ax.set_ylim(0, max(1.0, highest) * 1.02 if metric.id == PASS else None)
        ax.xaxis.set_major_locator(MaxNLocator(integer=True))

    first, last = points[min(points)], points[max(points)]
    return Figure(
        title=title,
        description=(
            f"{metric.curve} at T = {temperature:g} goes from {first.value:.3g} at k = "
            f"{min(points)} to {last.value:.3g} at k = {max(points)}."
        ),
        rows=[
            {"suite": suite.id, "metric": estimate.metric, "temperature": temperature, "k": k}
            | {key: getattr(estimate, key) for key in ("value", "low", "high", "n")}
            for k, estimate in points.items()
        ],
        draw=draw,
    )


def code(suite: SuiteResults) -> dict[str, Any] | None:
    """Return the table of pass@k and how the programs were graded; None if none were."""
    if "pass_at_1" not in suite.metrics:
        return None
    about = "one of k programs passes all tests, from all programs drawn"
    if MAJORITY in suite.metrics:
        about = "one of k final answers is right, from all replies drawn"
    return {
        "about": about,
        "table": _pass_table(suite),
        "facts": facts(suite.notes_of("pass_at_1")),
    }


def _pass_table(suite: SuiteResults) -> dict[str, Any]:
    """Return the k that tables show, and a row for each temperature with its slices below it."""
    metric = metric_table()[PASS]
    most = max((max(curve(suite, metric, t), default=1) for t in suite.temperatures), default=1)
    ks = shown_ks(most)
    heads, lines = [], []
    for t in suite.temperatures:
        named = {f"All, T = {t:g}": curve(suite, metric, t), **_slices(suite, t)}
        heads += [(name, number == 0) for number, name in enumerate(named)]
        lines += list(named.values())
    columns = [cells([estimates.get(k) for estimates in lines]) for k in ks]
    rows = [
        {"name": name, "head": first, "cells": row}
        for (name, first), row in zip(heads, zip(*columns, strict=True), strict=True)
    ]
    return {"ks": ks, "rows": rows}


def _slices(suite: SuiteResults, temperature: float) -> dict[str, dict[int, Estimate]]:
    """Return name of a slice with its number of problems -> k -> estimate."""
    groups: dict[tuple[str, str], dict[int, Estimate]] = {}
    for row in suite.slices:
        k = pass_k(row.metric)
        if row.temperature == temperature and k is not None:
            groups.setdefault((row.by, row.group), {})[k] = row
    return {
        f"{by}: {group} ({max(estimate.n for estimate in estimates.values())})": estimates
        for (by, group), estimates in groups.items()
    }
