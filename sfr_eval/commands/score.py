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
from sfr_eval.commands.quiet import quiet_engines
from sfr_eval.util.progress import log, say, waiting
from sfr_eval.util.terminal import print_json

if TYPE_CHECKING:
    from sfr_eval.pipeline.score import Scored

SETTINGS = (
    *("score", "code", "judging", "requests", "model", "trust_remote_code", "ray_address"),
    *("chat_template", "chat_template_kwargs", "template_date", "prompt_format", "system_role"),
)


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
@quiet_engines
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

    with waiting("comparing the models"):
        comparison = compare_runs(*folders)
        page = write_comparison(comparison, parent)
    lines = [] if quiet else show_comparison(comparison, as_json=False)
    for line in [*lines, f"comparison: {page.resolve()}"]:
        (log if quiet else say)(line)


def show_results(folder: Path, *, as_json: bool, named: bool = False) -> None:
    """Print what a measured run comes to. With JSON on stdout, verdict and warnings are said on
    stderr. `named`: with the model's name, since others are shown, too."""
    from sfr_eval.report.terminal import log_verdict, show_run
    from sfr_eval.store.run_folder import RunFolder

    if as_json:
        print_json(RunFolder(folder).read_results().stored())
        log_verdict(folder)
    else:
        show_run(folder, named=named)
