"""Runs and estimates as small HTML tables, for notebooks. All text is escaped."""

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from sfr_eval.metrics.table import label, shown_metrics
from sfr_eval.report.numbers import Interval
from sfr_eval.report.run_facts import run_facts
from sfr_eval.report.scoreboard import scoreboard
from sfr_eval.store.manifest import Manifest
from sfr_eval.store.results import Results, SuiteResults, read_suites
from sfr_eval.types import Estimate

if TYPE_CHECKING:
    from markupsafe import Markup

ARROWS = {True: "↑", False: "↓", None: ""}
"""Which way is better."""


def run_html(manifest: Manifest, results: Results | None, *, warnings: Sequence[str] = ()) -> str:
    """Return a run as its facts, its warnings and, for each suite, its scoreboard; without results
    only facts."""
    from markupsafe import Markup

    facts = " · ".join(run_facts(manifest).parts)
    text = Markup("<p><strong>{}</strong> ({})<br>{}</p>").format(
        manifest.name, manifest.status or "imported", facts
    )
    if warnings:
        items = Markup("").join(Markup("<li>{}</li>").format(line) for line in warnings)
        count = "1 warning" if len(warnings) == 1 else f"{len(warnings)} warnings"
        text += Markup("<details><summary>{}</summary><ul>{}</ul></details>").format(count, items)
    for suite in read_suites(manifest, results) if results else ():
        text += _board(suite)
    return text


def _board(suite: SuiteResults) -> "Markup":
    board = scoreboard(suite)
    rows = [
        (
            card.role,
            f"{card.label} {ARROWS[card.estimate.higher_is_better]}",
            card.text,
            "; ".join(f"{one.text} to {one.name}" for one in card.differences),
        )
        for card in board.cards
    ]
    heads = (f"{suite.title}, T = {board.temperature:g}", "metric", "value (95 %)", "difference")
    return html_table(heads, rows)


def estimates_html(estimates: Iterable[Estimate]) -> str:
    """Return estimates as a table with values, intervals, counts and directions."""
    rows = [
        (
            f"{label(row.metric)} {ARROWS[row.higher_is_better]}",
            Interval.of(row).rounded(without="") if row.value is not None else row.reason,
            f"{row.n:,}",
            str(row.k),
        )
        for row in estimates
    ]
    return html_table(("metric", "value (95 %)", "prompts", "k"), rows)


def headline_estimates(estimates: Sequence[Estimate]) -> list[Estimate]:
    """Return the estimates over all personas that a short table shows, in its order; all of them if
    it shows none."""
    rows = {row.metric: row for row in estimates if not row.persona}
    return [rows[name] for name in shown_metrics(list(rows))] or list(rows.values())


def html_table(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> "Markup":
    """Return a table with one row of heads."""
    from markupsafe import Markup

    head = Markup("").join(Markup("<th>{}</th>").format(text) for text in heads)
    body = Markup("").join(
        Markup("<tr>{}</tr>").format(
            Markup("").join(Markup("<td>{}</td>").format(text) for text in row)
        )
        for row in rows
    )
    return Markup("<table><thead><tr>{}</tr></thead><tbody>{}</tbody></table>").format(head, body)
