"""compare.html: a comparison as one self-contained page that loads nothing."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from sfr_eval.comparison.differences import DifferenceRow
from sfr_eval.comparison.result import Comparison, SuiteComparison
from sfr_eval.comparison.summary import rules
from sfr_eval.comparison.tables import difference_cells, matched_cells, training_rows
from sfr_eval.comparison.terminal import beside
from sfr_eval.metrics.table import direction, label
from sfr_eval.report import page
from sfr_eval.report.figures import COLOURS, Figure
from sfr_eval.report.reply_browser import browser_over_runs
from sfr_eval.suites.stored import query_texts

Drawn = Mapping[str, Mapping[str, Sequence[Figure]]]
"""suite -> kind of plot -> figures"""

_TONES = {"gain": "up", "loss": "down"}


def render(comparison: Comparison, drawn: Drawn) -> str:
    """Return the page. Text of models and of run folders is escaped, or JSON that a script cannot
    leave."""
    runs = comparison.runs
    titles = {suite.id: suite.title for pair in comparison.pairs for suite in pair.suites}
    return page.render(
        "compare",
        styles=["compare"],
        title=" and ".join(comparison.names[:2]) + (" ..." if comparison.names[2:] else ""),
        first=comparison.names[0],
        runs=[
            {
                "label": run.label,
                "name": run.name,
                "folder": str(run.folder),
                "number": comparison.side_of(run.label) % len(COLOURS),
                "group": comparison.names[comparison.side_of(run.label)]
                if comparison.groups
                else "",
                "seed": "unknown" if run.identity.seed is None else run.identity.seed,
                "decoder": run.decoder,
            }
            for run in runs
        ],
        pairs=comparison.pairs,
        suites=[
            _section(comparison, suite, titles, drawn.get(suite, {}))
            for suite in titles
        ],
        rules=rules(
            alpha=comparison.alpha, margin=comparison.margin, trainings=bool(comparison.groups)
        ),
    )


def _section(
    comparison: Comparison,
    suite: str,
    titles: Mapping[str, str],
    drawn: Mapping[str, Sequence[Figure]],
) -> dict[str, Any]:
    runs = [run for run in comparison.runs if suite in run.suites]
    return {
        "id": suite,
        "title": titles[suite],
        "about": runs[0].suites[suite].about,
        "pairs": [
            _pair(pair.first, pair.second, compared)
            for pair in comparison.pairs
            for compared in pair.suites
            if compared.id == suite
        ],
        "trainings": list(training_rows(comparison, suite)),
        "plots": {kind: [page.inline(figure) for figure in group] for kind, group in drawn.items()},
        "browser": browser_over_runs(
            {run.label: run.folder for run in runs},
            {run.label: [s for s in run.samples if s.suite == suite] for run in runs},
            runs[0].suites[suite],
            queries=query_texts(runs[0].folder, runs[0].manifest, suite),
            suites=len(titles),
        ),
    }


def _pair(first: str, second: str, suite: SuiteComparison) -> dict[str, Any]:
    return {
        "first": first,
        "second": second,
        "summary": suite.summary,
        "beside": tuple(beside(suite)),
        "tables": [
            {
                "temperature": t,
                "groups": [
                    {"title": title, "rows": _table(rows)}
                    for title, rows in _groups(suite.rows, t)
                    if rows
                ],
            }
            for t in suite.temperatures
        ],
        "matched": [{"row": row, **matched_cells(row)} for row in suite.matched_rows()],
    }


def _groups(
    rows: Sequence[DifferenceRow], temperature: float
) -> Iterator[tuple[str, list[DifferenceRow]]]:
    """Yield the groups of the table of one temperature; the first is the whole family."""
    here = [row for row in rows if row.role is None and row.temperature == temperature]
    yield "Primary family", [row for row in rows if row.role is not None]
    yield "Exploratory: headline metrics", [row for row in here if row.headline]
    yield "Exploratory: all other metrics", [row for row in here if not row.headline]


def _table(rows: Sequence[DifferenceRow]) -> list[dict[str, Any]]:
    return [
        {
            "row": row,
            "label": label(row.metric) + (f", {row.where}" if row.role is not None else ""),
            "direction": direction(row.metric) or "neither way is better",
            "tone": _TONES.get(row.call, ""),
            **difference_cells(row),
        }
        for row in rows
    ]
