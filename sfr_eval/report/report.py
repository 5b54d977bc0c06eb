"""The report of a run: one self-contained page, and its plots as files.

Nothing is computed here that is not in results.json or a count of stored samples.
"""

from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from sfr_eval.errors import UserError
from sfr_eval.metrics.table import headlines, metric_info
from sfr_eval.report import (
    against_tables,
    answer_figures,
    frontier,
    hidden_maps,
    known_answers,
    layer_profiles,
    pass_at_k,
    repetitions,
    reply_map,
    tables,
    token_curves,
    trade_off,
)
from sfr_eval.report.figures import Figure, to_csv
from sfr_eval.report.metric_names import metric_name
from sfr_eval.report.over_temperature import over_temperature
from sfr_eval.report.page import inline, render
from sfr_eval.report.plot_files import write_plots
from sfr_eval.report.replies import replies_address
from sfr_eval.report.reply_browser import browser
from sfr_eval.report.run_facts import run_facts
from sfr_eval.report.scoreboard import scoreboard
from sfr_eval.report.similarity import similarity
from sfr_eval.report.verdict import finding, rules
from sfr_eval.report.warnings import severe, warnings
from sfr_eval.report.without_replies import without_replies
from sfr_eval.store.manifest import Manifest
from sfr_eval.store.results import Results, SuiteResults, read_suites
from sfr_eval.store.run_folder import RunFolder
from sfr_eval.thinking import answers
from sfr_eval.types import Sample
from sfr_eval.util.files import write_atomic, writing_to
from sfr_eval.util.progress import OnProgress
from sfr_eval.util.untrusted import file_name, refuse_links


def write_report(
    folder: RunFolder, *, images: bool = False, on_progress: OnProgress | None = None
) -> Path:
    """Write report.html and plots/ of a scored run, and return the path of the page. images: also
    each figure as PNG and SVG."""
    manifest = Manifest.load(folder.path)
    results = folder.read_results()
    suites = read_suites(manifest, results)
    if not suites:
        raise UserError(f"{folder.path}: results.json holds no estimate; nothing to report")
    samples = folder.sealed_samples()
    parts: list[dict[str, Any]] = []
    steps = 1
    refuse_links(folder.path)
    with writing_to(folder.path):
        plots = folder.path / "plots"
        plots.mkdir(exist_ok=True)
        for suite in suites:
            suite_samples = [sample for sample in samples if sample.suite == suite.id]
            figures = _figures(suite)
            steps = len(figures) + 1  # and the page
            for done, (kind, group) in enumerate(figures.items()):
                if on_progress is not None:
                    on_progress(f"report {suite.id} {kind}", done, steps)
                write_plots(plots / f"{file_name(suite.id)}-{kind}", group, images=images)
            if on_progress is not None:
                on_progress(f"report {suite.id} page", steps - 1, steps)
            repeated = repetitions.repetitions(answers(suite_samples, manifest.thinking))
            if clusters := repetitions.rows(suite.id, repeated):
                write_atomic(plots / f"{file_name(suite.id)}-clusters.csv", to_csv(clusters))
            box = f"replies-{len(parts) + 1}"
            section = _section(suite, suite_samples, manifest, figures, box=box)
            replies = browser(
                folder.path,
                suite,
                answers(suite_samples, manifest.thinking),
                manifest=manifest,
                results=results,
                repeated=repeated,
                suites=len(suites),
            )
            if drawn := replies["map"]:
                sheet = reply_map.figure(
                    drawn, {manifest.name: suite_samples}, personas=suite.personas
                )
                write_plots(plots / f"{file_name(suite.id)}-reply_map", [sheet], images=images)
            section |= {"browser": replies}
            found = without_replies(suite, suite_samples) or finding(suite, repeated)
            board = scoreboard(suite, temperature=found.temperature)
            parts.append(section | {"repeated": repeated, "finding": found, "board": board})
        page = folder.path / "report.html"
        write_atomic(page, _render(manifest, results, parts, images=images))
    if on_progress is not None:
        on_progress("report", steps, steps)
    return page


def _figures(suite: SuiteResults) -> dict[str, list[Figure]]:
    """Return kind of plot -> its figures, which share a file."""
    return {
        "trade_off": trade_off.trade_off(suite),
        "frontier": frontier.frontiers(suite),
        "judged": trade_off.judged(suite),
        "over_temperature": over_temperature({"model": suite}, headlines(), column="who"),
        "similarity": similarity(suite),
        "answers": answer_figures.against_fair_draws(suite),
        "over_k": pass_at_k.over_k(suite),
        "layer_profiles": layer_profiles.profiles(suite),
        "hidden_maps": hidden_maps.maps(suite),
        "token_curves": token_curves.curves(suite),
    }


def _render(
    manifest: Manifest, results: Results, parts: Sequence[Mapping[str, Any]], *, images: bool
) -> str:
    metrics = dict.fromkeys(row.metric for row in results.estimates)
    return render(
        "report",
        images=images,
        name=manifest.name,
        facts=run_facts(manifest),
        about=list(_about(manifest)),
        parts=parts,
        rules=list(dict.fromkeys(rule for part in parts for rule in rules(part["suite"]))),
        settings=list(_flat(_settings(manifest))),
        metrics=[_definition(metric, results) for metric in metrics],
    )


def _section(
    suite: SuiteResults,
    samples: Sequence[Sample],
    manifest: Manifest,
    figures: Mapping[str, Sequence[Figure]],
    *,
    box: str,
) -> dict[str, Any]:
    """Return everything that the template shows of one suite. `box` is the id of its reply
    browser."""
    read = answers(samples, manifest.thinking)
    return {
        "suite": suite,
        "warnings": warnings(suite, samples, manifest),
        "severe": severe(samples),
        "plots": {kind: [inline(figure) for figure in group] for kind, group in figures.items()},
        "frontiers": frontier.frontier_table(suite),
        "columns": tables.columns(suite),
        "statuses": tables.statuses(read),
        "tables": tables.by_persona(suite, read, box=box),
        "all_metrics": tables.all_metrics(suite, box=box),
        "against": against_tables.against(suite, box=box),
        "probe": tables.facts(suite.notes_of("style_accuracy")),
        "code": pass_at_k.code(suite),
        "answers": known_answers.table(suite, box=box),
        "replies_address": partial(replies_address, box),
        "judges": tables.judges(suite),
    }


def _about(manifest: Manifest) -> Iterator[str]:
    """Yield what the line of facts says beside the facts of every run."""
    if preset := manifest.preset:
        changed = f", changed: {', '.join(preset.changed)}" if preset.changed else ""
        yield f"preset {preset.name}{changed}"
    yield "intervals are 95 %"


def _definition(metric: str, results: Results) -> dict[str, Any]:
    info = metric_info(metric)
    version = next(row.version for row in results.estimates if row.metric == metric)
    signature = results.signatures.get(metric, {})
    return {
        "name": metric_name(metric),
        "unit": info.unit if info else "",
        "version": version,
        "signature": "; ".join(f"{key}: {text}" for key, text in _flat(signature) if key) or "-",
    }


def _settings(manifest: Manifest) -> dict[str, Any]:
    """Return the manifest without what the page shows elsewhere."""
    hidden = {"format", "plan", "name"}
    shown = manifest.model_dump(exclude=hidden, exclude_unset=True, by_alias=True)
    plan = {
        part.suite: part.model_dump(exclude={"suite", "personas"}, exclude_unset=True)
        for part in manifest.plan
    }
    return {**shown, "plan": plan}


def _flat(value: Any, path: str = "") -> Iterator[tuple[str, str]]:
    """Yield (dotted name, text) of every leaf."""
    if isinstance(value, Mapping) and value:
        for key, inner in value.items():
            yield from _flat(inner, f"{path}.{key}" if path else str(key))
    elif isinstance(value, list | tuple):
        yield path, ", ".join(str(item) for item in value) or "none"
    else:
        yield path, "not set" if value is None or value == {} else str(value)
