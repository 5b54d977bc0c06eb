"""The command `report`: writes the report of a measured run again."""

from pathlib import Path

import click

from sfr_eval.commands.options import PATH
from sfr_eval.errors import UserError
from sfr_eval.util.progress import say


@click.command()
@click.argument("folder", type=PATH)
@click.option("--beside", type=PATH, help="second run: hidden states of both on shared axes")
def report(folder: Path, beside: Path | None) -> None:
    """Write report.html and the plots of a measured run, or of all decoders of a sweep, again."""
    from sfr_eval.comparison.files import compare_again
    from sfr_eval.report.report import write_report
    from sfr_eval.store.run_folder import RunFolder
    from sfr_eval.store.sweep_folder import expanded

    runs = expanded([folder])
    if beside is not None and runs != [folder]:
        raise UserError(f"report {folder}: --beside needs a run, not a sweep; name {runs[0]}")
    for run in runs:
        say(f"report: {write_report(RunFolder(run)).resolve()}")
    if len(runs) > 1:
        say(f"comparison: {compare_again(folder).resolve()}")
    if beside is not None:
        from sfr_eval.report.hidden_two_runs import write_beside

        for file in write_beside(RunFolder(folder), RunFolder(beside)):
            say(f"plot: {file.resolve()}")
