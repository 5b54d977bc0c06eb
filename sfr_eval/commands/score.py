"""The command `score`: measures stored samples and imported generations."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

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

if TYPE_CHECKING:
    from sfr_eval.pipeline.score import Scored
    from sfr_eval.store.manifest import Manifest

_GROUP_COLUMNS = 4  # measures in the table of groups, which has to fit a terminal
SETTINGS = ("score", "code", "judging", "requests", "model", "trust_remote_code", "ray_address")


def field_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add the options that say what the fields of imported rows hold."""
    from sfr_eval.formats.read.names import OPTIONS

    for name, text in reversed(OPTIONS.items()):
        option = click.option(f"--{name}-field", metavar="FIELD", help=f"imported: {text}")
        command = option(command)
    return command


@click.command(cls=SettingsCommand, settings=SETTINGS)
@click.argument("paths", nargs=-1, required=True, type=PATH)
@click.option("--suite", help="suite of imported generations; default: made of their prompts")
@output_option("folder to create when joining shards or importing generations")
@field_options
@click.option(
    "--missing",
    type=click.Choice(["skip", "fail"]),
    default="skip",
    help="imported: problems without a reply are left out, and named, or count as failed",
)
@json_option
def score(
    paths: tuple[Path, ...],
    settings: dict[str, Any],
    suite: str | None,
    output: Path | None,
    missing: Literal["skip", "fail"],
    as_json: bool,
    **fields: str | None,
) -> int:
    """Measure stored samples again, without generating; join shards.

    PATHS: a run folder, a sweep, all shards of one run, or files of generations made with another
    tool: JSONL, JSON, CSV, Parquet, logs. Several models in them become a run each, and are
    compared.
    """
    from sfr_eval.comparison.files import compare_again
    from sfr_eval.demo import train_demo_models
    from sfr_eval.formats.read.names import Fields
    from sfr_eval.pipeline.score import score_models
    from sfr_eval.store.run_folder import RunFolder
    from sfr_eval.store.sweep_folder import decoders_of

    judge_settings(settings)  # refuses settings that need a judge
    train_demo_models(settings.get("model"), settings.get("base_model"))
    named = Fields(**{name.removesuffix("_field"): path for name, path in fields.items()})
    options: Any = {"suite": suite, "output": output, "fields": named, "missing": missing}
    swept = decoders_of(paths[0]) if len(paths) == 1 else ()
    runs: list[Scored] = []
    parent = paths[0]
    for group in [[run] for run in swept] or [list(paths)]:
        scored = score_models(group, settings, **options)
        runs += scored.runs
        parent = parent if swept else scored.parent
    several = len(runs) > 1
    if several and as_json:
        print_json({str(r.folder): RunFolder(r.folder).read_results().stored() for r in runs})
    for run in runs:
        if not (several and as_json):
            show_results(run.folder, as_json=as_json, named=several and not swept)
        for line in (*import_warnings(run.folder), *run.trouble):
            log(line)
        (log if as_json else say)(f"report: {run.report.resolve()}")
    if several and swept:
        (log if as_json else say)(f"comparison: {compare_again(parent).resolve()}")
    elif several:
        compare_models([run.folder for run in runs], parent, quiet=as_json)
    return 3 if any(run.trouble for run in runs) else 0


def import_warnings(folder: Path) -> list[str]:
    """Return the warnings of how generations were imported, as the terminal shows them."""
    from sfr_eval.store.manifest import Manifest

    facts = Manifest.load(folder).imported
    return [] if facts is None else [f"warning: {line}" for line in facts.warnings]


def compare_models(folders: Sequence[Path], parent: Path, *, quiet: bool) -> None:
    """Compare the runs of several models and write the comparison beside them."""
    from sfr_eval.comparison.compare import compare_runs
    from sfr_eval.comparison.files import write_comparison
    from sfr_eval.comparison.terminal import show_comparison

    comparison = compare_runs(*folders)
    page = write_comparison(comparison, parent)
    lines = [] if quiet else show_comparison(comparison, as_json=False)
    for line in [*lines, f"comparison: {page.resolve()}"]:
        (log if quiet else say)(line)


def show_results(folder: Path, *, as_json: bool, named: bool = False) -> None:
    """Print the headline estimates of a measured run: a row a metric, a column a temperature.
    `named`: with the model's name, since others are shown, too."""
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
    manifest = Manifest.load(folder)
    decoder = f", decoder {manifest.identity.decoder}" if manifest.identity.decoder else ""
    estimates = [row for row in results.estimates if not row.persona]
    for suite in dict.fromkeys(row.suite for row in estimates):
        rows = [row for row in estimates if row.suite == suite]
        temperatures = sorted({row.temperature for row in rows})
        cells = {(row.metric, row.temperature): row for row in rows}
        shown = shown_metrics({row.metric for row in rows if row.value is not None})
        print_table(
            f"{f'{manifest.name} on ' if named else ''}{suite}{decoder}: {_basis(manifest, suite)}",
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


def _basis(manifest: "Manifest", suite: str) -> str:
    """Return what the numbers are: intervals, and of how many queries if some have no reply."""
    missing = manifest.imported.missing if manifest.imported is not None else 0
    if not missing or manifest.status != "partial":
        return "95% intervals"
    queries = manifest.part(suite).queries
    return f"95% intervals, of the {queries:,} of {queries + missing:,} queries with replies"


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
