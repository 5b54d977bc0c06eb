"""The command `score`: measures stored samples and imported generations."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click

from sfr_eval.commands.options import (
    PATH,
    SettingsCommand,
    json_option,
    judge_settings,
    output_option,
)
from sfr_eval.types import Estimate, SliceEstimate
from sfr_eval.util.progress import log, say
from sfr_eval.util.terminal import print_json, print_table

_GROUP_COLUMNS = 4  # measures in the table of groups, which has to fit a terminal
SETTINGS = ("score", "code", "judging", "requests", "model", "trust_remote_code", "ray_address")


@click.command(cls=SettingsCommand, settings=SETTINGS)
@click.argument("paths", nargs=-1, required=True, type=PATH)
@click.option("--suite", help="suite of imported generations, by name or folder")
@output_option("run folder to create when joining shards or importing generations")
@click.option("--query-field", help="imported: field that identifies the query, e.g. doc.task_id")
@click.option("--persona-field", help="imported: field that identifies the persona")
@json_option
def score(
    paths: tuple[Path, ...],
    settings: dict[str, Any],
    suite: str | None,
    output: Path | None,
    query_field: str | None,
    persona_field: str | None,
    as_json: bool,
) -> int:
    """Measure stored samples again, without generating; join shards.

    PATHS: a run folder, a sweep, all shards of one run, or files of generations made with another
    tool.
    """
    from sfr_eval.comparison.files import compare_again
    from sfr_eval.demo import train_demo_models
    from sfr_eval.formats.read.mapping import Fields
    from sfr_eval.pipeline.score import score_paths
    from sfr_eval.store.sweep_folder import decoders_of

    judge_settings(settings)  # refuses settings that need a judge
    train_demo_models(settings.get("model"), settings.get("base_model"))
    fields = Fields(query=query_field, persona=persona_field)
    swept = len(paths) == 1 and decoders_of(paths[0])
    failed = False
    for group in [[run] for run in swept] if swept else [paths]:
        scored = score_paths(group, settings, suite=suite, output=output, fields=fields)
        show_results(scored.folder, as_json=as_json)
        for line in scored.trouble:
            log(line)
        (log if as_json else say)(f"report: {scored.report.resolve()}")
        failed = failed or bool(scored.trouble)
    if swept and len(swept) > 1:
        (log if as_json else say)(f"comparison: {compare_again(paths[0]).resolve()}")
    return 3 if failed else 0


def show_results(folder: Path, *, as_json: bool) -> None:
    """Print the headline estimates of a measured run: a row a metric, a column a temperature."""
    from sfr_eval.metrics.table import shown_metrics
    from sfr_eval.report import known_answers
    from sfr_eval.report.verdict import synthetic_style
    from sfr_eval.store.manifest import Manifest
    from sfr_eval.store.results import read_suites
    from sfr_eval.store.run_folder import RunFolder

    results = RunFolder(folder).read_results()
    if as_json:
        print_json(results.stored())
        return
    estimates = [row for row in results.estimates if not row.persona]
    manifest = Manifest.load(folder)
    decoder = f", decoder {manifest.identity.decoder}" if manifest.identity.decoder else ""
    for suite in dict.fromkeys(row.suite for row in estimates):
        rows = [row for row in estimates if row.suite == suite]
        temperatures = sorted({row.temperature for row in rows})
        cells = {(row.metric, row.temperature): row for row in rows}
        shown = shown_metrics({row.metric for row in rows if row.value is not None})
        print_table(
            f"{suite}{decoder}: 95% intervals",
            ["metric", *(f"T={t:g}" for t in temperatures)],
            [[metric, *(_cell(cells.get((metric, t))) for t in temperatures)] for metric in shown],
        )
        _print_groups([row for row in results.slices if row.suite == suite], shown)
    for part in read_suites(manifest, results):
        if part.about:
            say(f"{part.id}: {part.about}")
        if synthetic := synthetic_style(part):
            say(f"{part.id}: {synthetic}")
        if verdict := known_answers.line(part):
            say(f"{part.id}: {verdict}")


def _print_groups(rows: list[SliceEstimate], metrics: Sequence[str]) -> None:
    """Print a table of the groups of the queries at the middle temperature: a row for each."""
    from sfr_eval.store.results import middle_temperature

    if not rows:
        return
    t = middle_temperature({row.temperature for row in rows})
    cells = {(row.by, row.group, row.metric): row for row in rows if row.temperature == t}
    shown = [m for m in metrics if any(metric == m for _, _, metric in cells)][:_GROUP_COLUMNS]
    groups = dict.fromkeys((by, group) for by, group, metric in cells if metric in shown)
    print_table(
        f"at T={t:g}, by {', '.join(dict.fromkeys(by for by, _ in groups))}",
        ["group", "queries", *shown],
        [
            [
                group,
                str(max(cells[by, group, m].n for m in shown if (by, group, m) in cells)),
                *(_cell(cells.get((by, group, metric))) for metric in shown),
            ]
            for by, group in groups
        ],
    )


def _cell(row: Estimate | None) -> str:
    from sfr_eval.report.numbers import Interval

    if row is None or row.value is None:
        return "-"
    return Interval.of(row).rounded(without="").replace(" ± ", "+-")
