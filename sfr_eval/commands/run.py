"""The command `run`: samples a checkpoint and measures it."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from sfr_eval.commands.options import PATH, SettingsCommand, json_option
from sfr_eval.util.progress import log, say
from sfr_eval.util.terminal import print_json, print_table

if TYPE_CHECKING:
    from sfr_eval.config import RunConfig


@click.command(cls=SettingsCommand, settings="all")
@click.option("--config", type=PATH, help="YAML file of settings")
@click.option("--dry-run", is_flag=True, help="check everything, print the plan and stop")
@json_option
def run(settings: dict[str, Any], config: Path | None, dry_run: bool, as_json: bool) -> int:
    """Sample a checkpoint, measure it, write a report. The same command resumes."""
    from sfr_eval.commands.score import show_results
    from sfr_eval.config import load_run_config
    from sfr_eval.demo import train_demo_models
    from sfr_eval.pipeline.run import execute

    run_config = load_run_config(settings, file=config)
    if run_config.serving.base_url is None:
        train_demo_models(run_config.model, run_config.score.base_model)
    if dry_run:
        show_plan(run_config, as_json=as_json)
        return 0
    outcome = execute(run_config)
    if outcome.report is not None:
        show_results(outcome.folder, as_json=as_json)
    for line in outcome.lines:
        (log if as_json or outcome.exit_code else say)(line)
    return outcome.exit_code


def show_plan(config: "RunConfig", *, as_json: bool) -> None:
    """Print what would be drawn, and the most tokens it can cost."""
    from contextlib import closing

    from sfr_eval.pipeline.preflight import preflight

    with closing(preflight(config)) as ready:
        checkpoint, engine = ready.subject.checkpoint, ready.subject.engine
        plan, output = ready.plan, ready.folder.path
    suites = [
        {
            "suite": part.suite.id,
            "version": part.suite.version,
            "prompts": len(part.prompts),
            "temperatures": list(part.temperatures),
            "samples": part.samples,
            "requests": part.size,
            "token_bound": part.size * part.sampling.max_tokens,
        }
        for part in plan.suites
    ]
    if as_json:
        summary = {
            "model": checkpoint.name,
            "fingerprint": checkpoint.fingerprint,
            "engine": engine,
            "output": str(output),
            "requests": plan.size,
            "token_bound": plan.token_bound,
            "sampling": plan.identity["sampling"],
            "suites": suites,
        }
        print_json(summary)
        return
    columns = ["suite", "prompts", "temperatures", "samples", "requests", "tokens at most"]
    rows = [
        [
            part.suite.id,
            f"{len(part.prompts):,}",
            " ".join(f"{t:g}" for t in part.temperatures),
            str(part.samples),
            f"{part.size:,}",
            f"{part.size * part.sampling.max_tokens:,}",
        ]
        for part in plan.suites
    ]
    print_table(f"{checkpoint.name} on {engine} -> {output}", columns, rows)
