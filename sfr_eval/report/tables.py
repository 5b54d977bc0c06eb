"""The tables of a report: by persona, of all metrics, of the judges."""

from collections import Counter
from collections.abc import Sequence
from typing import Any

from sfr_eval.metrics.headlines import headlines
from sfr_eval.metrics.table import direction, label
from sfr_eval.report.numbers import plain
from sfr_eval.store.results import Notes, SuiteResults
from sfr_eval.types import Estimate, Sample

STATUSES = ("ok", "truncated", "refused", "unsupported", "error")


def persona_metrics(suite: SuiteResults) -> list[str]:
    """The headline metrics that have a value for single personas, or for all where there are none;
    of what a checkpoint makes inside only the plots are shown."""
    personas = list(suite.personas) or [""]
    shown = (
        "runtime_error_rate",
        "no_code_rate",
        *headlines("quality", "style", "variety", "facts"),
    )
    return [
        metric
        for metric in shown
        if any(suite.at(metric, t, persona) for t in suite.temperatures for persona in personas)
    ]


def statuses(samples: Sequence[Sample]) -> list[str]:
    """ok, and every other status that some sample has."""
    there = {sample.status for sample in samples}
    return [status for status in STATUSES if status == "ok" or status in there]


def columns(suite: SuiteResults) -> list[dict[str, str]]:
    """Heads of the columns of `by_persona`."""
    return [{"id": m, "label": label(m), "direction": direction(m)} for m in persona_metrics(suite)]


def by_persona(suite: SuiteResults, samples: Sequence[Sample]) -> list[dict[str, Any]]:
    """Per temperature: a row for all personas and one for each, and the truth's."""
    counts: Counter[tuple[float, str, str]] = Counter()
    for sample in samples:
        for persona in {"", sample.persona}:
            counts[sample.temperature, persona, sample.status] += 1
    shown, states = persona_metrics(suite), statuses(samples)

    def row(name: str, cells: list[Estimate | None], numbers: list[int] | None) -> dict[str, Any]:
        return {"name": name, "cells": [cell(found) for found in cells], "counts": numbers}

    tables = []
    for t in suite.temperatures:
        rows = [
            row(
                name,
                [suite.estimates.get((metric, t, persona)) for metric in shown],
                [counts[t, persona, status] for status in states],
            )
            for persona, name in {"": "All", **suite.personas}.items()
        ]
        if suite.truth:
            truth = [suite.truth.get((metric, "")) for metric in shown]
            rows.insert(1, row("Truth, all", truth, None))
        tables.append({"temperature": t, "rows": rows})
    return tables


def all_metrics(suite: SuiteResults) -> list[dict[str, Any]]:
    """A row for each metric, headlines first: all personas together at each temperature, and the
    truth."""
    first = [metric for metric in headlines() if metric in set(suite.metrics)]
    return [
        {
            "metric": metric,
            "label": label(metric),
            "direction": direction(metric) or "neither",
            "headline": metric in first,
            "cells": [cell(suite.estimates.get((metric, t, ""))) for t in suite.temperatures],
            "truth": cell(suite.truth.get((metric, ""))) if suite.truth else None,
        }
        for metric in dict.fromkeys((*first, *suite.metrics))
    ]


def cell(estimate: Estimate | None) -> dict[str, Any]:
    """What a table shows of an estimate, and what it says when pointed at."""
    if estimate is None or estimate.value is None:
        return {"text": "-", "why": estimate.reason if estimate else "not measured", "of": None}
    interval = (
        f"95 % interval {estimate.low:.4g} to {estimate.high:.4g}, "
        if estimate.low is not None and estimate.high is not None
        else "no interval, "
    )
    why = f"{estimate.value:.6g}; {interval}{estimate.n} queries, k = {estimate.k}"
    return {"text": plain(estimate).replace(" (no interval)", ""), "why": why, "of": estimate}


def judges(suite: SuiteResults) -> list[dict[str, str]]:
    """Per axis: how many votes could be read, how far they agree, and whether length pays."""
    return [
        _judge(metric, notes)
        for metric, notes in suite.notes.items()
        if notes.votes_asked is not None
    ]


def _judge(metric: str, notes: Notes) -> dict[str, str]:
    read = notes.statuses.get("ok", 0)
    other = {k: v for k, v in notes.statuses.items() if k != "ok"}
    other |= {"not asked": notes.votes_missing} if notes.votes_missing else {}
    slope = notes.length_slope
    alphas = [*notes.alpha_of_votes.items(), ("judges", notes.alpha_of_judges)]
    return {
        "axis": label(metric),
        "read": f"{read:,} of {notes.votes_asked:,}",
        "other": ", ".join(f"{v:,} {k}" for k, v in other.items()) or "none",
        "alpha": ", ".join(f"{who}: {a:.2f}" for who, a in alphas if a is not None) or "-",
        "slope": (f"{slope.value:+.2f} [{slope.low:+.2f}, {slope.high:+.2f}]" if slope else "-"),
    }
