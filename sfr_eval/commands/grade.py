"""The command `grade`: verdicts for programs, without a model."""

from pathlib import Path

import click

from sfr_eval.commands.options import PATH, json_option, output_option
from sfr_eval.errors import RunError, UserError, did_you_mean
from sfr_eval.util.progress import log, say
from sfr_eval.util.terminal import print_json, print_table


@click.command()
@click.argument("programs", type=PATH)
@output_option("JSONL of verdicts; the same file resumes")
@click.option("--mode", default="faithful", help="faithful, lcb-compat or evalplus")
@click.option("--workers", type=int, help="processes; default: physical cores")
@click.option("--seconds", type=float, help="time limit; default: by kind of problem")
@click.option("--unsafe-code", is_flag=True, help="run programs even where nothing isolates them")
@json_option
def grade(
    programs: Path,
    output: Path | None,
    mode: str,
    workers: int | None,
    seconds: float | None,
    unsafe_code: bool,
    as_json: bool,
) -> None:
    """Grade programs written by any tool. The same command resumes.

    PROGRAMS: JSONL of programs with their tests.
    """
    from sfr_eval.grading.program_file import grade_file
    from sfr_eval.sandbox.types import MODES

    if mode not in MODES:
        raise UserError(f"grade --mode {mode}: unknown; {did_you_mean(mode, MODES)}")
    target = output or programs.with_suffix(".verdicts.jsonl")
    summary = grade_file(
        programs,
        output=target,
        mode=next(name for name in MODES if name == mode),
        workers=workers,
        seconds=seconds,
        unsafe=unsafe_code,
    )
    statuses = summary["statuses"]
    if as_json:
        print_json(summary)
    else:
        total = max(1, summary["programs"])
        rows = [
            [status, str(count), f"{100 * count / total:.1f}%"]
            for status, count in sorted(statuses.items(), key=lambda item: -item[1])
        ]
        title = f"{summary['programs']} programs, {summary['mode']}, tier {summary['tier']}"
        print_table(title, ["status", "programs", "share"], rows)
    (log if as_json else say)(f"verdicts: {target.resolve()}")
    if lacking := summary["missing_packages"]:
        names = ", ".join(f"{name} {count:,}" for name, count in lacking.items())
        log(f"{sum(lacking.values()):,} programs failed since the sandbox lacks a package: {names}")
    if statuses.get("not_scored"):
        raise RunError(
            f"programs not scored: {statuses['not_scored']}; `detail` in {target} says why; "
            "the same command tries them again"
        )
