"""Code and mathematics in a report: curves over k, pass@k by slice, how replies were graded."""

from collections.abc import Mapping
from typing import Any

from sfr_eval.metrics.families import MAJORITY
from sfr_eval.metrics.metric import Metric
from sfr_eval.metrics.table import curves, metric_table, pass_k, shown_ks
from sfr_eval.report.axes import band, metric_axis, points
from sfr_eval.report.cells import cells
from sfr_eval.report.charts.chart import Axis, Series, XYChart
from sfr_eval.report.figures import Figure
from sfr_eval.report.tables import facts
from sfr_eval.store.results import SuiteResults
from sfr_eval.types import Estimate

PASS = "pass_at_k"


def curve(suite: SuiteResults, metric: Metric, temperature: float) -> dict[int, Estimate]:
    """Return k -> estimate, for every k that is reported."""
    estimates = {k: suite.at(metric.at(k).id, temperature) for k in range(1, suite.samples + 1)}
    return {k: estimate for k, estimate in estimates.items() if estimate is not None}


def over_k(suite: SuiteResults) -> list[Figure]:
    """Return each curve over k, a line with its interval as a band for each temperature."""
    figures = []
    for metric in curves():
        lines = {t: curve(suite, metric, t) for t in suite.temperatures}
        lines = {t: line for t, line in lines.items() if len(line) > 1}
        if lines:
            figures.append(_figure(suite, metric, lines))
    return figures


def _figure(
    suite: SuiteResults, metric: Metric, lines: Mapping[float, Mapping[int, Estimate]]
) -> Figure:
    return Figure(
        title=metric.curve,
        description=" ".join(_course(metric, t, line) for t, line in lines.items()),
        rows=[
            {"suite": suite.id, "metric": estimate.metric, "temperature": t, "k": k}
            | {key: getattr(estimate, key) for key in ("value", "low", "high", "n")}
            for t, line in lines.items()
            for k, estimate in line.items()
        ],
        chart=XYChart(
            title=metric.curve,
            x=Axis(label="k", possible=(1, None), integer=True),
            y=metric_axis(metric.at(1).id, named=False),
            series=tuple(_series(suite, t, line) for t, line in lines.items()),
            cursor="k",
        ),
    )


def _series(suite: SuiteResults, temperature: float, line: Mapping[int, Estimate]) -> Series:
    marks = points(line, over_temperature=False)
    return Series(
        name=f"T = {temperature:g}",
        number=suite.temperatures.index(temperature),
        points=marks,
        band=band(marks),
    )


def _course(metric: Metric, temperature: float, line: Mapping[int, Estimate]) -> str:
    first, last = line[min(line)], line[max(line)]
    return (
        f"{metric.curve} at T = {temperature:g} goes from {first.value:.3g} at k = {min(line)} to "
        f"{last.value:.3g} at k = {max(line)}."
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
