"""compare.html: a comparison as one self-contained page that loads nothing."""

import base64
import hashlib
import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from sfr_eval.assets import report_file
from sfr_eval.code.options import CodeOptions
from sfr_eval.comparing.beside import script_text, side_by_side
from sfr_eval.comparing.differences import Row
from sfr_eval.comparing.panels import COLOURS
from sfr_eval.comparing.runs import ScoredRun
from sfr_eval.comparing.summary import rules
from sfr_eval.errors import UserError
from sfr_eval.panels import direction, label
from sfr_eval.plots import Panel, panel_svg
from sfr_eval.suite import load_suite

if TYPE_CHECKING:
    from markupsafe import Markup

    from sfr_eval.compare import Comparison, SuiteComparison

# Colours of plots.mplstyle and of the runs, so that a plot follows the page into the dark.
_VARIABLES = {
    "#222222": "var(--ink)",
    "#dcdcdc": "var(--grid)",
    "#ffffff": "var(--card)",
    **{colour: f"var(--run-{number})" for number, colour in enumerate(COLOURS)},
}

Drawn = Mapping[str, Mapping[str, Sequence[Panel]]]
"""suite -> kind of figure -> panels"""


def render(comparison: "Comparison", drawn: Drawn) -> str:
    """The page. Text of models and of run folders is escaped, or JSON that a script cannot
    leave."""
    from jinja2 import Environment, StrictUndefined

    environment = Environment(
        autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    environment.filters["csp_hash"] = _csp_hash
    template = environment.from_string(report_file("compare.html.j2").read_text(encoding="utf-8"))
    runs = comparison.runs
    suites = {suite.id: suite for pair in comparison.pairs for suite in pair.suites}
    return template.render(
        title=" and ".join(run.label for run in runs[:2]) + (" ..." if len(runs) > 2 else ""),
        runs=[
            {
                "label": run.label,
                "name": run.name,
                "folder": str(run.folder),
                "number": number % len(COLOURS),
                "seed": run.identity.get("seed", "unknown"),
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
    from markupsafe import Markup

    runs = [run for run in comparison.runs if suite in run.suites]
    prompts = side_by_side(runs, suite)
    texts = query_texts(runs[0], suite)
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
        "plots": {kind: [_inline(panel) for panel in group] for kind, group in drawn.items()},
        "personas": personas,
        "queries": data["queries"],
        "temperatures": sorted({prompt["temperature"] for prompt in prompts}),
        "data": Markup(script_text(data)),  # escaped for a script, not for text
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


def query_texts(run: ScoredRun, suite: str) -> dict[str, str]:
    """Query id -> text, where the suite is still here as it was; else ids must do."""
    version = next(p["version"] for p in run.manifest["plan"] if p["suite"] == suite)
    config = run.manifest.get("config", {})
    for name in config.get("suite", []):
        try:
            loaded = load_suite(name, code=CodeOptions.from_config(config))
        except UserError:
            continue
        if loaded.id == suite and loaded.version == version:
            return dict(loaded.queries)
    return {}


def _csp_hash(script: str) -> str:
    """What a Content-Security-Policy calls this script by."""
    return "sha256-" + base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()


def _inline(panel: Panel) -> dict[str, "str | Markup"]:
    """A panel as an <svg> element that takes its size and colours from the page."""
    from markupsafe import Markup

    svg = panel_svg(panel)
    svg = svg[svg.index("<svg") :]
    svg = re.sub(r"<defs>\s*<style.*?</style>\s*</defs>", "", svg, count=1, flags=re.DOTALL)
    box = re.search(r'viewBox="[^"]*"', svg)
    assert box is not None
    # Named by the caption: the drawing itself says nothing to a screen reader.
    svg = re.sub(r"^<svg[^>]*>", f'<svg {box[0]} aria-hidden="true">', svg)
    for colour, variable in _VARIABLES.items():
        svg = svg.replace(colour, variable)
    return {"title": panel.title, "description": panel.description, "svg": Markup(svg)}
