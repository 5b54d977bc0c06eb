"""The command `export`: other tools' formats, and uploads."""

from pathlib import Path

import click

from sfr_eval.commands.options import PATH, json_option, metrics_option, output_option
from sfr_eval.util.progress import say
from sfr_eval.util.terminal import print_json


@click.command()
@click.argument("folder", type=PATH)
@click.option(
    "--format",
    required=True,
    help="lm-eval, inspect, noveltybench, model-card, eval-results, csv, jsonl, chats, hub, mlflow "
    "or wandb",
)
@output_option("folder to write; default: RUN/export/FORMAT")
@metrics_option("metric id; repeatable")
@click.option("--repo", help="hub: where to upload; eval-results: the benchmark's data set")
@click.option(
    "--artifacts/--no-artifacts",
    default=True,
    help="hub, mlflow, wandb: include report and replies",
)
@json_option
def export(
    folder: Path,
    format: str,
    output: Path | None,
    metrics: tuple[str, ...] | None,
    repo: str | None,
    artifacts: bool,
    as_json: bool,
) -> None:
    """Write a measured run in another tool's format, or upload it."""
    from sfr_eval.formats.export import export as export_run

    written = export_run(
        folder, format=format, output=output, metrics=metrics, repo=repo, artifacts=artifacts
    )
    if as_json:
        print_json(written)
        return
    for line in written:
        say(line)
