"""Files of generations that a command measures first, as runs of their models."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

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
    metrics: Sequence[str] | None,
    output: Path | None,
    fewest: int,
    encoder: str | None = None,
) -> MeasuredRuns:
    """Import and measure the replies of each model in the files. A file whose rows name no model is
    one model, if there are several files. Only the families of `metrics` are measured, which are
    names of families or ids; None is all. Raises UserError for fewer models than `fewest`."""
    from sfr_eval.commands.score import import_warnings
    from sfr_eval.formats.read.names import Fields
    from sfr_eval.metrics.table import family_of
    from sfr_eval.pipeline.score import score_models

    named = Fields(**{name.removesuffix("_field"): path for name, path in fields.items()})
    settings: dict[str, Any] = {}
    if metrics is not None:
        settings["metrics"] = tuple(dict.fromkeys(map(family_of, metrics)))
    if encoder is not None:
        settings["encoder"] = encoder
    scored = score_models(
        files, settings, output=output, fields=named, name_files=len(files) > 1, fewest=fewest
    )
    lines = [line for run in scored.runs for line in (*import_warnings(run.folder), *run.trouble)]
    for line in dict.fromkeys(lines):  # a file says the same of all its models
        log(line)
    return MeasuredRuns(folders=tuple(run.folder for run in scored.runs), parent=scored.parent)
