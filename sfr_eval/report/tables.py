"""The tables of a report: by persona, of all metrics, and of the judges."""

from collections import Counter
from collections.abc import Sequence
from typing import Any

from sfr_eval.metrics.table import direction, headlines, label
from sfr_eval.report.numbers import Interval
from sfr_eval.store.results import Notes, SuiteResults
from sfr_eval.types import Estimate, Sample

STATUSES = ("ok", "truncated", "refused", "no_content", "unsupported", "error")


def persona_metrics(suite: SuiteResults) -> list[str]:
    """Return the headline metrics that have values for single personas, or for all together where
    the suite has none. Of a checkpoint's hidden states only the figures are shown."""
    personas = list(suite.personas) or [""]
    return [
        metric
        for metric in headlines("failures", "quality", "style", "variety", "facts")
        if any(suite.at(metric, t, persona) for t in suite.temperatures for persona in personas)
    ]


def statuses(samples: Sequence[Sample]) -> list[str]:
    """Return ok, and every other status that some sample has."""
    present = {sample.status for sample in samples}
    return [status for status in STATUSES if status == "ok" or status in present]


def columns(suite: SuiteResults) -> list[dict[str, str]]:
    """Return the heads of the columns of `by_persona`."""
    return [{"id": m, "label": label(m), "direction": direction(m)} for m in persona_metrics(suite)]


def by_persona(suite: SuiteResults, samples: Sequence[Sample]) -> list[dict[str, Any]]:
    """Return for each temperature a row for all personas, one for each, that of the reference, and
    one for each group of the queries."""
    counts: Counter[tuple[float, str, str]] = Counter()
    for sample in samples:
        for persona in {"", sample.persona}:
            counts[sample.temperature, persona, sample.status] += 1
    shown, states = persona_metrics(suite), statuses(samples)

    def row(name: str, cells: list[Estimate | None], numbers: list[int] | None) -> dict[str, Any]:
        return {"name": name, "cells": [cell(estimate) for estimate in cells], "counts": numbers}

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
            reference = [suite.truth.get((metric, "")) for metric in shown]
            rows.insert(1, row("Reference, all", reference, None))
        rows += [row(name, cells, None) for name, cells in _slices(suite, t, shown)]
        tables.append({"temperature": t, "rows": rows})
    return tables


def _slices(
    suite: SuiteResults, temperature: float, metrics: Sequence[str]
) -> list[tuple[str, list[Estimate | None]]]:
    """Return name and cells of each group of the queries that has a value of these metrics."""
    groups: dict[tuple[str, str], dict[str, Estimate]] = {}
    for row in suite.slices:
        if row.temperature == temperature and row.metric in metrics and not row.persona:
            groups.setdefault((row.by, row.group), {})[row.metric] = row
    return [
        (
            f"{by}: {group} ({max(estimate.n for estimate in cells.values())})",
            [cells.get(metric) for metric in metrics],
        )
        for (by, group), cells in groups.items()
    ]


def all_metrics(suite: SuiteResults) -> list[dict[str, Any]]:
    """Return a row for each metric, headlines first: all personas together at each temperature, and
    the reference distribution."""
    first = [metric for metric in headlines() if metric in set(suite.metrics)]
    return [
        {
            "metric": metric,
            "label": label(metric),
            "direction": direction(metric) or "neither",
            "headline": metric in first,
            "cells": [cell(suite.estimates.get((metric, t, ""))) for t in suite.temperatures],
            "reference": cell(suite.truth.get((metric, ""))) if suite.truth else None,
        }
        for metric in dict.fromkeys((*first, *suite.metrics))
    ]


def cell(estimate: Estimate | None) -> dict[str, Any]:
    """Return what a table shows of an estimate, and what it says when pointed at."""
    if estimate is None or estimate.value is None:
        why = estimate.reason if estimate else "not measured"
        return {"text": "-", "why": why, "estimate": None}
    interval = "no interval"
    if estimate.low is not None and estimate.high is not None:
        interval = f"95 % interval {estimate.low:.4g} to {estimate.high:.4g}"
    why = f"{estimate.value:.6g}; {interval}, {estimate.n} queries, k = {estimate.k}"
    return {"text": Interval.of(estimate).rounded(without=""), "why": why, "estimate": estimate}


def facts(notes: Notes) -> list[tuple[str, str]]:
    """Return the notes beside a metric: (name, text)."""
    return [
        (key.replace("_", " "), _fact(value))
        for key, value in notes.stored().items()
        if key != "confusion" and value not in (None, [])
    ]


def _fact(value: Any) -> str:
    if isinstance(value, list):
        return ", ".join(map(str, value))
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def judges(suite: SuiteResults) -> list[dict[str, str]]:
    """Return for each axis how many votes were read, how far they agree, whether length pays."""
    return [
        _judge(metric, notes)
        for metric, notes in suite.notes.items()
        if notes.votes_asked is not None
    ]


def _judge(metric: str, notes: Notes) -> dict[str, str]:
    count = notes.statuses.get("ok", 0)
    other = {k: v for k, v in notes.statuses.items() if k != "ok"}
    other |= {"not asked": notes.votes_missing} if notes.votes_missing else {}
    alphas = [*notes.alpha_of_votes.items(), ("judges", notes.alpha_of_judges)]
    return {
        "axis": label(metric),
        "read": f"{count:,} of {notes.votes_asked:,}",
        "other": ", ".join(f"{v:,} {k}" for k, v in other.items()) or "none",
        "alpha": ", ".join(f"{who}: {a:.2f}" for who, a in alphas if a is not None) or "-",
        "slope": Interval.of(notes.length_slope).text("+.2f", ends="+.2f"),
    }
