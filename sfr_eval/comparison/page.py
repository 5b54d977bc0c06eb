"""compare.html: a comparison as one self-contained page that loads nothing."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from sfr_eval.comparison.beside import side_by_side
from sfr_eval.comparison.differences import Row
from sfr_eval.comparison.figures import COLOURS
from sfr_eval.comparison.summary import rules
from sfr_eval.metrics.table import direction, label
from sfr_eval.report import page
from sfr_eval.report.figures import Panel
from sfr_eval.suites.stored import query_texts

if TYPE_CHECKING:
    from sfr_eval.comparison.result import Comparison, SuiteComparison

_VARIABLES = {colour: f"var(--run-{number})" for number, colour in enumerate(COLOURS)}
"""Colours of the runs, so that a plot follows the page into the dark."""

Drawn = Mapping[str, Mapping[str, Sequence[Panel]]]
"""suite -> kind of figure -> panels"""


def render(comparison: "Comparison", drawn: Drawn) -> str:
    """The page. Text of models and of run folders is escaped, or JSON that a script cannot
    leave."""
    runs = comparison.runs
    suites = {suite.id: suite for pair in comparison.pairs for suite in pair.suites}
    return page.render(
        "compare.html.j2",
        scripts=["compare.js"],
        styles=["compare.css"],
        title=" and ".join(run.label for run in runs[:2]) + (" ..." if len(runs) > 2 else ""),
        runs=[
            {
                "label": run.label,
                "name": run.name,
                "folder": str(run.folder),
                "number": number % len(COLOURS),
                "seed": "unknown" if run.identity.seed is None else run.identity.seed,
            }
            for number, run in enumerate(runs)
        ],
        pairs=comparison.pairs,
        suites=[
            _section(comparison, suite.id, suite.title, drawn.get(suite.id, {}))
            for suite in suites.values()
        ],
        rules=rules(comparison.margin),
    )


def _section(
    comparison: "Comparison", suite: str, title: str, drawn: Mapping[str, Sequence[Panel]]
) -> dict[str, Any]:
    runs = [run for run in comparison.runs if suite in run.suites]
    prompts = side_by_side(runs, suite)
    texts = query_texts(runs[0].manifest, suite)
    personas = dict(runs[0].suites[suite].personas)
    queries = list(dict.fromkeys(prompt["query"] for prompt in prompts))
    data = {
        "personas": personas,
        "queries": {query: texts.get(query, "") for query in queries},
        "runs": [run.label for run in runs],
        "prompts": prompts,
    }
    return {
        "id": suite,
        "title": title,
        "pairs": [
            _of_pair(pair.first, pair.second, found)
            for pair in comparison.pairs
            for found in pair.suites
            if found.id == suite
        ],
        "plots": {
            kind: [page.inline(panel, colours=_VARIABLES) for panel in group]
            for kind, group in drawn.items()
        },
        "personas": personas,
        "queries": data["queries"],
        "temperatures": sorted({prompt["temperature"] for prompt in prompts}),
        "data": page.script_json(data),
        "shown": sum(len(replies) for prompt in prompts for replies in prompt["runs"]),
        "total": sum(sample.suite == suite for run in runs for sample in run.samples),
    }


def _of_pair(first: str, second: str, suite: "SuiteComparison") -> dict[str, Any]:
    return {
        "first": first,
        "second": second,
        "summary": suite.summary,
        "tables": [
            {
                "temperature": t,
                "groups": [
                    {"headline": headline, "rows": rows}
                    for headline in (True, False)
                    if (rows := _table(suite.rows, t, headline=headline))
                ],
            }
            for t in suite.temperatures
        ],
        "matched": [row for of in suite.matched for row in of.rows()],
    }


def _table(rows: Sequence[Row], temperature: float, *, headline: bool) -> list[dict[str, Any]]:
    return [
        {
            "row": row,
            "label": label(row.metric),
            "direction": direction(row.metric),
            "tone": _TONES.get(row.call, ""),
        }
        for row in rows
        if row.temperature == temperature and row.headline == headline
    ]


_TONES = {"better": "good", "worse": "bad"}
