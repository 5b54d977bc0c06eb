"""The report of a run: one self-contained page, and its plots as files.

Nothing is computed here that is not in results.json or a count of stored samples.
"""

import base64
import hashlib
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from sfr_eval import browser, code_report, hidden_panels, panels
from sfr_eval.assets import report_file
from sfr_eval.cautions import cautions
from sfr_eval.code.options import CodeOptions
from sfr_eval.errors import UserError
from sfr_eval.files import write_atomic, writing_to
from sfr_eval.hostile import refuse_links
from sfr_eval.metrics.table import metric_info
from sfr_eval.plots import Panel, files, panel_svg
from sfr_eval.results import SuiteResults, plain, read_suites
from sfr_eval.similarity import similarity
from sfr_eval.store import RunFolder
from sfr_eval.suite import load_suite
from sfr_eval.thinking import answers, recorded
from sfr_eval.types import Estimate, Sample
from sfr_eval.verdict import RULES, verdict

TABLE = (
    "pass_at_1",
    "time_limit_rate",
    "runtime_error_rate",
    "no_code_rate",
    "style_strength",
    "style_accuracy",
    "oracle_valid",
    "distinct_valid",
    "self_bleu_4",
    "embed_distance",
    "length",
)
_STATUSES = ("ok", "truncated", "refused", "unsupported", "error")

# Colours of plots.mplstyle and panels.py, so that a plot follows the page into the dark.
_COLOURS = {
    "#222222": "var(--ink)",
    "#dcdcdc": "var(--grid)",
    "#ffffff": "var(--card)",
    panels.MODEL: "var(--model)",
    panels.TRUTH: "var(--truth)",
}


def write_report(folder: RunFolder) -> Path:
    """Write report.html and plots/ of a scored run; returns the path of the page."""
    manifest = folder.read_manifest()
    if manifest is None:
        raise UserError(f"{folder.path}: no manifest.json; not a run folder")
    results = folder.read_results()
    suites = read_suites(manifest, results)
    if not suites:
        raise UserError(f"{folder.path}: results.json holds no estimate; nothing to report")
    samples = folder.sealed_samples()
    parts = []
    refuse_links(folder.path)
    with writing_to(folder.path):
        (folder.path / "plots").mkdir(exist_ok=True)
        for suite in suites:
            own = [sample for sample in samples if sample.suite == suite.id]
            drawn = {
                "trade_off": panels.trade_off(suite),
                "judged": panels.judged(suite),
                "over_temperature": panels.over_temperature(suite),
                "similarity": similarity(suite),
                "over_k": code_report.over_k(suite),
                "layer_profiles": hidden_panels.profiles(suite),
                "hidden_maps": hidden_panels.maps(suite),
                "token_curves": hidden_panels.curves(suite),
            }
            for kind, group in drawn.items():
                if group:
                    for suffix, content in files(group):
                        name = f"{suite.id}-{kind}.{suffix}"
                        write_atomic(folder.path / "plots" / name, content)
            parts.append(_section(suite, own, manifest, drawn))
        page = folder.path / "report.html"
        write_atomic(page, _render(manifest, results, parts))
    return page


def _render(
    manifest: Mapping[str, Any], results: Mapping[str, Any], parts: Sequence[Mapping[str, Any]]
) -> str:
    from jinja2 import Environment, StrictUndefined

    environment = Environment(
        autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    environment.filters["csp_hash"] = _csp_hash
    template = environment.from_string(report_file("report.html.j2").read_text(encoding="utf-8"))
    metrics = dict.fromkeys(row["metric"] for row in results["estimates"])
    return template.render(
        name=str(manifest.get("name", "")),
        parts=parts,
        rules=RULES,
        settings=list(_flat(_settings(manifest))),
        metrics=[_definition(metric, results) for metric in metrics],
    )


def _csp_hash(script: str) -> str:
    """What a Content-Security-Policy calls this script by."""
    return "sha256-" + base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()


def _section(
    suite: SuiteResults,
    samples: Sequence[Sample],
    manifest: Mapping[str, Any],
    drawn: Mapping[str, Sequence[Panel]],
) -> dict[str, Any]:
    """All that the template shows of one suite."""
    from markupsafe import Markup

    read = answers(samples, recorded(manifest))
    chosen = browser.embedded(read)
    queries = _query_texts(suite.id, manifest)
    data = {
        "personas": dict(suite.personas),
        "queries": {p["query"]: queries.get(p["query"], "") for p in chosen},
        "prompts": chosen,
    }
    found = verdict(suite)
    return {
        "suite": suite,
        "verdict": found,
        "warnings": list(cautions(suite, samples, manifest)),
        "plots": {kind: [_inline(panel) for panel in group] for kind, group in drawn.items()},
        "columns": [
            {"id": m, "label": panels.label(m), "direction": panels.direction(m)}
            for m in TABLE
            if suite.sweep(m)
        ],
        "tables": _tables(suite, read),
        "table_temperature": found.temperature,
        "data": Markup(browser.script_json(data)),  # escaped for a script, not for text
        "shown": sum(len(prompt["replies"]) for prompt in chosen),
        "total": len(samples),
        "shown_temperatures": sorted({prompt["temperature"] for prompt in chosen}),
        "probe": _probe_facts(suite),
        "code": (
            {"table": code_report.pass_table(suite), "facts": code_report.facts(suite)}
            if code_report.is_code(suite)
            else None
        ),
        "judges": _judge_facts(suite),
    }


def _inline(panel: Panel) -> dict[str, Any]:
    """A panel as an <svg> element that takes its size and colours from the page."""
    from markupsafe import Markup

    svg = panel_svg(panel)
    svg = svg[svg.index("<svg") :]
    svg = re.sub(r"<defs>\s*<style.*?</style>\s*</defs>", "", svg, count=1, flags=re.DOTALL)
    box = re.search(r'viewBox="[^"]*"', svg)
    assert box is not None
    # Named by the caption: the drawing itself says nothing to a screen reader.
    svg = re.sub(r"^<svg[^>]*>", f'<svg {box[0]} aria-hidden="true">', svg)
    for colour, variable in _COLOURS.items():
        svg = svg.replace(colour, variable)
    return {"title": panel.title, "description": panel.description, "svg": Markup(svg)}


def _tables(suite: SuiteResults, samples: Sequence[Sample]) -> list[dict[str, Any]]:
    """Per temperature: a row for all personas and one for each, and the truth's."""
    counts: Counter[tuple[float, str, str]] = Counter()
    for sample in samples:
        for persona in {"", sample.persona}:
            counts[sample.temperature, persona, sample.status] += 1
    columns = [metric for metric in TABLE if suite.sweep(metric)]

    def row(name: str, cells: list[Estimate | None], numbers: list[int] | None) -> dict[str, Any]:
        return {"name": name, "cells": [_cell(cell) for cell in cells], "counts": numbers}

    tables = []
    for t in suite.temperatures:
        rows = [
            row(
                name,
                [suite.estimates.get((metric, t, persona)) for metric in columns],
                [counts[t, persona, status] for status in _STATUSES],
            )
            for persona, name in {"": "All", **suite.personas}.items()
        ]
        if suite.truth:
            truth = [suite.truth.get((metric, "")) for metric in columns]
            rows.insert(1, row("Truth, all", truth, None))
        tables.append({"temperature": t, "rows": rows})
    return tables


def _cell(estimate: Estimate | None) -> dict[str, Any]:
    if estimate is None or estimate.value is None:
        return {"text": "-", "why": estimate.reason if estimate else "not measured", "of": None}
    interval = (
        f"95 % interval {estimate.low:.4g} to {estimate.high:.4g}, "
        if estimate.low is not None and estimate.high is not None
        else "no interval, "
    )
    why = f"{estimate.value:.6g}; {interval}{estimate.n} queries, k = {estimate.k}"
    return {"text": plain(estimate).replace(" (no interval)", ""), "why": why, "of": estimate}


def _probe_facts(suite: SuiteResults) -> list[tuple[str, str]]:
    notes = suite.notes.get("style_accuracy", {})
    return [
        (key.replace("_", " "), f"{value:.4g}" if isinstance(value, float) else str(value))
        for key, value in notes.items()
        if key != "confusion" and value is not None
    ]


def _judge_facts(suite: SuiteResults) -> list[dict[str, str]]:
    """Per axis: how many votes could be read, how far they agree, and whether length pays."""
    rows = []
    for metric, notes in suite.notes.items():
        if "votes_asked" not in notes:
            continue
        read = notes["statuses"].get("ok", 0)
        other = {k: v for k, v in notes["statuses"].items() if k != "ok"}
        other |= {"not asked": notes["votes_missing"]} if notes["votes_missing"] else {}
        slope = notes["length_slope"]
        alphas = [*notes["alpha_of_votes"].items(), ("judges", notes["alpha_of_judges"])]
        rows.append(
            {
                "axis": panels.label(metric),
                "read": f"{read:,} of {notes['votes_asked']:,}",
                "other": ", ".join(f"{v:,} {k}" for k, v in other.items()) or "none",
                "alpha": ", ".join(f"{who}: {a:.2f}" for who, a in alphas if a is not None) or "-",
                "slope": (
                    f"{slope['value']:+.2f} [{slope['low']:+.2f}, {slope['high']:+.2f}]"
                    if slope
                    else "-"
                ),
            }
        )
    return rows


def _definition(metric: str, results: Mapping[str, Any]) -> dict[str, str]:
    info = metric_info(metric)
    version = next(row["version"] for row in results["estimates"] if row["metric"] == metric)
    signature = results.get("signatures", {}).get(metric, {})
    return {
        "id": metric,
        "label": panels.label(metric),
        "description": info.description if info else "",
        "direction": panels.direction(metric) or "neither way is better",
        "unit": info.unit if info else "",
        "version": version,
        "signature": "; ".join(f"{key}: {text}" for key, text in _flat(signature) if key) or "-",
    }


def _settings(manifest: Mapping[str, Any]) -> dict[str, Any]:
    """The manifest without what the page shows elsewhere."""
    settings = {k: v for k, v in manifest.items() if k not in ("format", "plan", "name")}
    settings["plan"] = {
        part["suite"]: {k: v for k, v in part.items() if k not in ("suite", "personas")}
        for part in manifest["plan"]
    }
    return settings


def _flat(value: Any, path: str = "") -> Iterator[tuple[str, str]]:
    """(dotted name, text) of every leaf."""
    if isinstance(value, Mapping) and value:
        for key, inner in value.items():
            yield from _flat(inner, f"{path}.{key}" if path else str(key))
    elif isinstance(value, list | tuple):
        yield path, ", ".join(str(item) for item in value) or "none"
    else:
        yield path, "not set" if value is None or value == {} else str(value)


def _query_texts(suite: str, manifest: Mapping[str, Any]) -> dict[str, str]:
    """Query id -> text, where the suite is still here as it was; else ids must do."""
    version = next(p["version"] for p in manifest["plan"] if p["suite"] == suite)
    config = manifest.get("config", {})
    for name in config.get("suite", []):
        try:
            loaded = load_suite(name, code=CodeOptions.from_config(config))
        except UserError:
            continue
        if loaded.id == suite and loaded.version == version:
            return dict(loaded.queries)
    return {}
