"""The command `run`: samples a checkpoint and measures it."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from sfr_eval.commands.options import PATH, SettingsCommand, json_option
from sfr_eval.commands.quiet import quiet_engines
from sfr_eval.commands.score import show_results
from sfr_eval.util.progress import log, say
from sfr_eval.util.terminal import print_json, print_table

if TYPE_CHECKING:
    from sfr_eval.config import RunConfig
    from sfr_eval.pipeline.preflight import Preflight
    from sfr_eval.pipeline.sweep import SweepOutcome


@click.command(cls=SettingsCommand, settings="all")
@click.option("--config", type=PATH, help="YAML file of settings")
@click.option("--dry-run", is_flag=True, help="check everything, print the plan and stop")
@json_option
@quiet_engines
def run(settings: dict[str, Any], config: Path | None, dry_run: bool, as_json: bool) -> int:
    """Sample a checkpoint, measure it, write a report. The same command resumes."""
    from sfr_eval.config import load_run_config
    from sfr_eval.demo import train_demo_models
    from sfr_eval.pipeline.run import execute
    from sfr_eval.pipeline.sweep import execute_sweep

    run_config = load_run_config(settings, file=config)
    if run_config.serving.base_url is None:
        train_demo_models(run_config.model, run_config.score.base_model)
    if dry_run:
        show_plan(run_config, as_json=as_json)
        return 0
    if run_config.sweep is not None:
        return show_sweep(execute_sweep(run_config), as_json=as_json)
    outcome = execute(run_config)
    if outcome.report is not None:
        show_results(outcome.folder, as_json=as_json)
    for line in outcome.lines:
        (log if as_json or outcome.exit_code else say)(line)
    return outcome.exit_code


def show_sweep(outcome: "SweepOutcome", *, as_json: bool) -> int:
    """Print the comparison of the decoders of a sweep, or JSON. Return the exit code."""
    from sfr_eval.comparison.terminal import show_comparison

    lines = list(outcome.lines)
    if outcome.comparison is not None:
        lines += show_comparison(outcome.comparison, as_json=as_json)
    elif outcome.runs and outcome.runs[0].report is not None:
        show_results(outcome.runs[0].folder, as_json=as_json)
    if outcome.page is not None:
        lines.append(f"comparison: {outcome.page.resolve()}")
    for line in lines:
        (log if as_json or outcome.exit_code else say)(line)
    return outcome.exit_code


def show_plan(config: "RunConfig", *, as_json: bool) -> None:
    """Print what would be drawn, and the most tokens it can cost."""
    from contextlib import closing

    from sfr_eval.pipeline.preflight import preflight, preflight_sweep

    if config.sweep is None:
        runs = [preflight(config)]
    else:
        _, runs = preflight_sweep(config)
    with closing(runs[0]):
        plans = [_described(ready) for ready in runs]
    if as_json:
        print_json(plans[0] if config.sweep is None else {"decoders": plans})
        return
    columns = ["suite", "prompts", "temperatures", "samples", "requests", "tokens at most"]
    for plan in plans:
        rows = [
            [
                part["suite"],
                f"{part['prompts']:,}",
                " ".join(f"{t:g}" for t in part["temperatures"]),
                str(part["samples"]),
                f"{part['requests']:,}",
                f"{part['token_bound']:,}",
            ]
            for part in plan["suites"]
        ]
        decoder = f" ({plan['decoder']})" if plan["decoder"] else ""
        print_table(
            f"{plan['model']} on {plan['engine']}{decoder} -> {plan['output']}", columns, rows
        )


def _described(ready: "Preflight") -> dict[str, Any]:
    """Return the plan of a run as --json prints it."""
    from sfr_eval.pipeline.preflight import choice, preset_facts
    from sfr_eval.store.manifest import Identity

    checkpoint, plan = ready.subject.checkpoint, ready.plan
    preset = preset_facts(ready.config)
    return {
        "model": checkpoint.name,
        "fingerprint": checkpoint.fingerprint,
        "engine": ready.subject.engine,
        "output": str(ready.folder.path),
        "decoder": Identity.model_validate(plan.identity).decoder,
        "preset": None if preset is None else preset.model_dump(mode="json"),
        "requests": plan.size,
        "token_bound": plan.token_bound,
        "sampling": plan.identity["sampling"],
        "not_applied": choice(ready.config, ready.subject).left_out,
        "suites": [
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
        ],
    }
