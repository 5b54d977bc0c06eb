"""What the report shows of a code suite: curves over k, pass@k by slice, facts."""

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from sfr_eval.metrics.table import direction, shown_ks
from sfr_eval.report.figures import MODEL, Panel
from sfr_eval.report.numbers import bounds, plain
from sfr_eval.store.results import SuiteResults
from sfr_eval.types import Estimate

if TYPE_CHECKING:
    from matplotlib.axes import Axes

CURVES = {
    "pass_at": "pass@k",
    "distinct_correct_at": "Different correct programs",
    "distinct_behaviour_at": "Correct programs that behave differently",
}
"""Metrics with a value for each k, and what they are called."""


def is_code(suite: SuiteResults) -> bool:
    """Whether programs were graded."""
    return any((metric, t, "") in suite.estimates for metric, t in _first(suite))


def _first(suite: SuiteResults) -> Iterator[tuple[str, float]]:
    for t in suite.temperatures:
        yield "pass_at_1", t


def curve(suite: SuiteResults, name: str, temperature: float) -> dict[int, Estimate]:
    """k -> estimate, for every k that is reported."""
    found = {k: suite.at(f"{name}_{k}", temperature) for k in range(1, suite.samples + 1)}
    return {k: estimate for k, estimate in found.items() if estimate is not None}


def over_k(suite: SuiteResults) -> list[Panel]:
    """Each curve over k with its interval as a band, a panel for each temperature."""
    return [
        _panel(suite, name, t, points)
        for name in CURVES
        for t in suite.temperatures
        if len(points := curve(suite, name, t)) > 1
    ]


def _panel(
    suite: SuiteResults, name: str, temperature: float, points: Mapping[int, Estimate]
) -> Panel:
    title = f"{CURVES[name]}, T = {temperature:g}"

    def draw(ax: "Axes") -> None:
        from matplotlib.ticker import MaxNLocator

        values, lows, highs = zip(*map(bounds, points.values()), strict=True)
        ax.fill_between(list(points), lows, highs, color=MODEL, alpha=0.22, linewidth=0)
        ax.plot(list(points), values, "-o", color=MODEL)
        ax.set_title(title)
        ax.set_xlabel("k")
        ax.set_ylabel(direction(f"{name}_1"))
        ax.set_ylim(0, max(1.0, max(highs)) * 1.02 if name == "pass_at" else None)
        ax.xaxis.set_major_locator(MaxNLocator(integer=True))

    first, last = points[min(points)], points[max(points)]
    return Panel(
        title=title,
        description=(
            f"{CURVES[name]} at T = {temperature:g} goes from {first.value:.3g} at k = "
            f"{min(points)} to {last.value:.3g} at k = {max(points)}."
        ),
        rows=[
            {
                "suite": suite.id,
                "metric": estimate.metric,
                "temperature": temperature,
                "k": k,
                "value": estimate.value,
                "low": estimate.low,
                "high": estimate.high,
                "n": estimate.n,
            }
            for k, estimate in points.items()
        ],
        draw=draw,
    )


def pass_table(suite: SuiteResults) -> dict[str, Any]:
    """Columns are the k that tables show; a row for each temperature, and below it its slices."""
    most = max((max(curve(suite, "pass_at", t), default=1) for t in suite.temperatures), default=1)
    ks = shown_ks(most)
    rows = []
    for t in suite.temperatures:
        whole = {k: suite.at(f"pass_at_{k}", t) for k in ks}
        rows.append({"name": f"All, T = {t:g}", "head": True, "cells": _cells(whole, ks)})
        groups: dict[tuple[str, str], dict[int, Estimate | None]] = {}
        for row in suite.slices:
            if row.temperature == t and row.metric.startswith("pass_at_"):
                k = int(row.metric.rpartition("_")[2])
                groups.setdefault((row.by, row.group), {})[k] = row
        for (by, group), found in groups.items():
            size = max((estimate.n for estimate in found.values() if estimate), default=0)
            name = f"{by}: {group} ({size})"
            rows.append({"name": name, "head": False, "cells": _cells(found, ks)})
    return {"ks": ks, "rows": rows}


def _cells(found: Mapping[int, Estimate | None], ks: list[int]) -> list[dict[str, str]]:
    cells = []
    for k in ks:
        estimate = found.get(k)
        if estimate is None or estimate.value is None:
            cells.append({"text": "-", "why": "not reported"})
        else:
            _, low, high = bounds(estimate)
            why = f"95 % interval {low:.4g} to {high:.4g}, {estimate.n} problems"
            cells.append({"text": plain(estimate).replace(" (no interval)", ""), "why": why})
    return cells


def facts(suite: SuiteResults) -> list[tuple[str, str]]:
    """What stands beside pass@k in its notes, in plain words."""
    notes = suite.notes_of("pass_at_1").stored()
    return [
        (
            key.replace("_", " "),
            ", ".join(map(str, value)) if isinstance(value, list) else str(value),
        )
        for key, value in notes.items()
        if value not in (None, [])
    ]


def code_cautions(suite: SuiteResults) -> Iterator[str]:
    """What a reader must know before believing pass@k."""
    notes = suite.notes_of("pass_at_1")
    if "none" in notes.isolation.split(", "):
        yield "Programs were run without isolation (--unsafe-code)."
    if notes.not_scored:
        yield (
            f"{notes.not_scored:,} programs could not be graded and are left out, not counted "
            "as wrong; score the run again."
        )
    if notes.flips:
        yield (
            f"{notes.flips:,} of {notes.graded_twice:,} programs that were graded twice got "
            "another verdict: the machine is too busy for its time limits."
        )
    if notes.modes_differ:
        yield (
            f"The verdict mode matters for {notes.modes_differ:,} of {notes.programs:,} "
            f"programs: {notes.verdict_mode} is shown, {notes.other_mode} differs there."
        )
