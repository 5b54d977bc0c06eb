"""The command `report`: writes the report of a measured run again."""

from pathlib import Path

import click

from sfr_eval.commands.options import PATH, images_option
from sfr_eval.commands.quiet import quiet_engines
from sfr_eval.errors import UserError, kept_when_interrupted
from sfr_eval.util.progress import ScoringProgress, say


@click.command()
@click.argument("folder", type=PATH)
@click.option("--beside", type=PATH, help="second run: hidden states of both on shared axes")
@click.option("--base-run", type=PATH, help="scored run of the base model, to be compared with")
@images_option
@quiet_engines
def report(folder: Path, beside: Path | None, base_run: Path | None, images: bool) -> None:
    """Write report.html and the plots of a measured run, or of all decoders of a sweep, again."""
    from sfr_eval.comparison.files import compare_again
    from sfr_eval.report.report import write_report
    from sfr_eval.report.terminal import show_run
    from sfr_eval.store.run_folder import RunFolder
    from sfr_eval.store.sweep_folder import expanded

    runs = expanded([folder])
    if beside is not None and runs != [folder]:
        raise UserError(f"report {folder}: --beside needs a run, not a sweep; name {runs[0]}")
    for run in runs:
        if base_run is not None:
            from sfr_eval.pipeline.base_run import add_base

            add_base(RunFolder(run), base_run)
        kept = f"the results of {run} are kept"
        with kept_when_interrupted("writing the report", kept), ScoringProgress() as progress:
            page = write_report(RunFolder(run), images=images, on_progress=progress)
        show_run(run, named=len(runs) > 1)
        say(f"report: {page.resolve()}")
    if len(runs) > 1:
        say(f"comparison: {compare_again(folder, images=images).resolve()}")
    if beside is not None:
        from sfr_eval.report.hidden_two_runs import write_beside

        for file in write_beside(RunFolder(folder), RunFolder(beside)):
            say(f"plot: {file.resolve()}")
