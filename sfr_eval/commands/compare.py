"""The command `compare`: sets runs against each other."""

from pathlib import Path
from typing import Any

import click

from sfr_eval.commands.options import (
    PATH,
    images_option,
    json_option,
    metrics_option,
    output_option,
)
from sfr_eval.commands.quiet import quiet_engines
from sfr_eval.commands.score import field_options
from sfr_eval.errors import UserError
from sfr_eval.util.progress import log, say, waiting


@click.command()
@click.argument("runs", nargs=-1, type=PATH)
@click.option(
    "--label",
    "labels",
    multiple=True,
    metavar="NAME",
    help="name of a run on the page and here; one for each run, in order",
)
@click.option("--base", metavar="NAME|FOLDER", help="what to compare with; default: the first run")
@click.option(
    "--group",
    "groups",
    multiple=True,
    metavar="NAME=RUN,...",
    help="the trainings of one recipe, as run folders or patterns; repeatable",
)
@output_option("folder to write; default: runs/compare-...")
@metrics_option("metric id or family; repeatable; of files, what is measured")
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
@click.option("--encoder", metavar="NAME", help="of files: sentence encoder, name or folder")
@field_options
@images_option
@json_option
@quiet_engines
def compare(
    runs: tuple[Path, ...],
    labels: tuple[str, ...],
    base: str | None,
    groups: tuple[str, ...],
    output: Path | None,
    encoder: str | None,
    images: bool,
    as_json: bool,
    **options: Any,
) -> None:
    """Compare runs, paired by prompt, at equal temperature and at equal quality.

    RUNS: run folders A B [C ...], or the folder of a sweep; each is compared with A, or with
    --base. Two sweeps are compared decoder by decoder. Files of generations (JSONL, CSV, ...) are
    imported and measured first, each model in them as a run; --metrics then takes the names of
    families, too, and only these are measured. With --group, groups of several trainings are
    compared, over training seeds and queries.
    """
    fields = {name: options.pop(name) for name in list(options) if name.endswith("_field")}
    similarity = options.pop("similarity")
    if groups and similarity:
        raise UserError("--similarity: compares two runs, not groups")
    if groups and labels:
        raise UserError("--label: names runs; a group has the name before its `=`")
    from sfr_eval.commands.generations import is_generations, measured_runs
    from sfr_eval.comparison.compare import compare_runs
    from sfr_eval.comparison.compare_groups import compare_groups
    from sfr_eval.comparison.files import write_comparison
    from sfr_eval.comparison.groups import parse_groups, single_runs
    from sfr_eval.comparison.terminal import show_comparison
    from sfr_eval.store.sweep_folder import expanded

    files = [path for path in runs if is_generations(path)]
    if files:
        alone = len(files) == len(runs)
        imported = measured_runs(
            files,
            fields,
            output=output if alone else None,
            fewest=2 if alone and not groups else 1,
            metrics=options["metrics"],
            encoder=encoder,
        )
        runs = (*(path for path in runs if path not in files), *imported.folders)
        output = output or imported.parent
    else:
        _refuse_import_options({**fields, "encoder": encoder})
    if not groups and len(expanded(runs)) < 2:
        named = " ".join(map(str, ("compare", *runs)))
        raise UserError(f"{named}: needs two or more run folders, or --group NAME=RUN,... twice")
    with waiting("comparing the runs"):
        if groups:
            comparison = compare_groups(
                {**single_runs(runs), **parse_groups(groups)}, base=base, **options
            )
        else:
            comparison = compare_runs(
                *runs, labels=labels, base=base, similarity=similarity, **options
            )
    with waiting("writing the comparison"):
        page = write_comparison(comparison, output, images=images)
    for line in [*show_comparison(comparison, as_json=as_json), f"comparison: {page.resolve()}"]:
        (log if as_json else say)(line)


def _refuse_import_options(options: dict[str, str | None]) -> None:
    """Raise UserError for an option about generations where none are named."""
    for name, value in options.items():
        if value is not None:
            option = f"--{name.replace('_', '-')}"
            raise UserError(f"compare: {option} belongs to files of generations, not to runs")
