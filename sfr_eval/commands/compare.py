"""The command `compare`: sets runs against each other."""

from pathlib import Path
from typing import Any

import click

from sfr_eval.commands.options import PATH, json_option, metrics_option, output_option
from sfr_eval.errors import UserError
from sfr_eval.util.progress import log, say


@click.command()
@click.argument("runs", nargs=-1, type=PATH)
@click.option(
    "--group",
    "groups",
    multiple=True,
    metavar="NAME=RUN,...",
    help="the trainings of one recipe, as run folders or patterns; two or more times, without RUNS",
)
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
@click.option("--similarity", is_flag=True, help="also how alike the models are; needs the encoder")
@click.option("--allow-mismatch", is_flag=True, help="compare runs whose settings differ")
@json_option
def compare(
    runs: tuple[Path, ...],
    groups: tuple[str, ...],
    output: Path | None,
    metrics: tuple[str, ...] | None,
    margin: float,
    primary: str | None,
    similarity: bool,
    allow_mismatch: bool,
    as_json: bool,
) -> None:
    """Compare runs, paired by prompt, at equal temperature and at equal quality.

    RUNS: run folders A B [C ...], or the folder of a sweep; each is compared with A. With --group,
    groups of several trainings are compared instead, over training seeds and queries.
    """
    if groups and similarity:
        raise UserError("--similarity: compares two runs, not groups")
    if groups and runs:
        raise UserError(f"compare {runs[0]}: give run folders or --group, not both")
    from sfr_eval.store.sweep_folder import expanded

    if len(expanded(runs)) < 2 and not groups:
        named = " ".join(map(str, ("compare", *runs)))
        raise UserError(f"{named}: needs two or more run folders, or --group NAME=RUN,... twice")
    from sfr_eval.comparison.compare import compare_runs
    from sfr_eval.comparison.compare_groups import compare_groups
    from sfr_eval.comparison.files import write_comparison
    from sfr_eval.comparison.groups import parse_groups
    from sfr_eval.comparison.terminal import show_comparison

    options: dict[str, Any] = {
        "allow_mismatch": allow_mismatch,
        "metrics": metrics,
        "primary": primary,
        "margin": margin,
    }
    if groups:
        comparison = compare_groups(parse_groups(groups), **options)
    else:
        comparison = compare_runs(*runs, similarity=similarity, **options)
    page = write_comparison(comparison, output)
    for line in [*show_comparison(comparison, as_json=as_json), f"comparison: {page.resolve()}"]:
        (log if as_json else say)(line)
