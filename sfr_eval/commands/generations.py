"""Files of generations that a command measures first, as runs of their models."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from sfr_eval.util.progress import log


@dataclass(frozen=True, kw_only=True)
class MeasuredRuns:
    """The runs of all models of the files."""

    folders: tuple[Path, ...]
    parent: Path  # of the folders


def is_generations(path: Path) -> bool:
    """Return whether a path is a file, or names one that is not there: no run folder has a
    suffix such as .jsonl."""
    return path.is_file() or (not path.exists() and path.suffix in _SUFFIXES)


_SUFFIXES = (".jsonl", ".json", ".csv", ".tsv", ".parquet", ".gz", ".zst", ".ndjson")


def measured_runs(
    files: Sequence[Path],
    fields: Mapping[str, str | None],
    *,
    families: Sequence[str] | None,
    output: Path | None,
    fewest: int,
) -> MeasuredRuns:
    """Import and measure the replies of each model in the files, in these families of metrics or in
    all. A file whose rows name no model is one model, if there are several files. Raises UserError
    for fewer models than `fewest`."""
    from sfr_eval.commands.score import import_warnings
    from sfr_eval.formats.read.names import Fields
    from sfr_eval.pipeline.score import score_models

    named = Fields(**{name.removesuffix("_field"): path for name, path in fields.items()})
    settings = {} if families is None else {"metrics": tuple(families)}
    scored = score_models(
        files, settings, output=output, fields=named, name_files=len(files) > 1, fewest=fewest
    )
    for run in scored.runs:
        for line in (*import_warnings(run.folder), *run.trouble):
            log(line)
    return MeasuredRuns(folders=tuple(run.folder for run in scored.runs), parent=scored.parent)


@dataclass(frozen=True, kw_only=True)
class ChosenMetrics:
    """What --metrics means where files are measured first; None is all."""

    families: tuple[str, ...] | None = None  # to measure
    metrics: tuple[str, ...] | None = None  # to compare


def chosen_metrics(names: Sequence[str] | None) -> ChosenMetrics:
    """Return what to measure and what to compare of it. A name is that of a family or of a metric;
    single metrics are compared alone only where no family is named. Raises UserError for a name
    that is neither."""
    from sfr_eval.metrics.families import FAMILIES, family_of

    if not names:
        return ChosenMetrics()
    families = tuple(dict.fromkeys(name if name in FAMILIES else family_of(name) for name in names))
    alone = not any(name in FAMILIES for name in names)
    return ChosenMetrics(families=families, metrics=tuple(names) if alone else None)
