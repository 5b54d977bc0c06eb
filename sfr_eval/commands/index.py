"""The command `index`: every run of a folder tree on one page."""

from pathlib import Path

import click

from sfr_eval.commands.options import PATH, json_option, output_option
from sfr_eval.util.progress import log, say, waiting


@click.command()
@click.argument("runs", nargs=-1, type=PATH)
@output_option("file to write; default: index.html in the folder that holds all RUNS")
@click.option(
    "--step",
    "steps",
    multiple=True,
    metavar="PATTERN=N",
    help="training step of the runs whose folder or model fits the pattern; repeatable",
)
@click.option("--step-regex", metavar="REGEX", help="finds the step in a folder or model's name")
@click.option(
    "--temperature",
    type=click.FloatRange(0, 2),
    default=1.0,
    help="headline values are those at the nearest temperature that was measured",
)
@json_option
def index(
    runs: tuple[Path, ...],
    output: Path | None,
    steps: tuple[str, ...],
    step_regex: str | None,
    temperature: float,
    as_json: bool,
) -> None:
    """Write index.html: all runs of a folder tree, sortable, side by side and over steps.

    RUNS: folders in which to look for runs, at any depth; default: runs.
    """
    from sfr_eval.run_index.index import RUNS, record
    from sfr_eval.run_index.index import index as write_index
    from sfr_eval.run_index.terminal import index_lines
    from sfr_eval.util.terminal import print_json

    with waiting("reading the runs"):
        done = write_index(
            runs or (RUNS,),
            output=output,
            steps=steps,
            step_regex=step_regex,
            temperature=temperature,
        )
    known = {row.step for row in done.rows}
    for rule in steps:
        if int(rule.rpartition("=")[2]) not in known:
            log(f"warning: --step {rule}: takes effect on no run")
    tell = log if as_json else say
    if as_json:
        print_json([record(row) for row in done.rows])
    for line in index_lines(done):
        tell(line)
    tell(f"index: {done.page.resolve()}")
