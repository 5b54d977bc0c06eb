"""The command `compare`: sets runs against each other."""

from pathlib import Path

import click

from sfr_eval.commands.options import PATH, json_option, metrics_option, output_option
from sfr_eval.errors import UserError
from sfr_eval.util.progress import log, say


@click.command()
@click.argument("runs", nargs=-1, required=True, type=PATH)
@output_option("folder to write; default: runs/compare-...")
@metrics_option
@click.option(
    "--margin",
    type=click.FloatRange(min=0),
    default=0.05,
    help="part of a metric's span within which a difference is small",
)
@click.option(
    "--primary",
    metavar="ROLE=METRIC,...",
    help="what is decided about: variety=, style=, quality= (a metric or none), temperature=",
)
@click.option("--allow-mismatch", is_flag=True, help="compare runs whose settings differ")
@json_option
def compare(
    runs: tuple[Path, ...],
    output: Path | None,
    metrics: tuple[str, ...] | None,
    margin: float,
    primary: str | None,
    allow_mismatch: bool,
    as_json: bool,
) -> None:
    """Compare runs, paired by prompt, at equal temperature and at equal quality.

    RUNS: run folders A B [C ...]; each is compared with A.
    """
    if len(runs) < 2:
        raise UserError(f"compare {runs[0]}: needs two or more run folders")
    from sfr_eval.comparison.compare import compare_runs
    from sfr_eval.comparison.files import write_comparison
    from sfr_eval.comparison.terminal import show_comparison

    comparison = compare_runs(
        *runs, allow_mismatch=allow_mismatch, metrics=metrics, primary=primary, margin=margin
    )
    page = write_comparison(comparison, output)
    for line in [*show_comparison(comparison, as_json=as_json), f"comparison: {page.resolve()}"]:
        (log if as_json else say)(line)
