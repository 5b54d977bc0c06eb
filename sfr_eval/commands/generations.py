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
    output: Path | None,
    fewest: int,
) -> MeasuredRuns:
    """Import and measure the replies of each model in the files. A file whose rows name no model is
    one model, if there are several files. Raises UserError for fewer models than `fewest`."""
    from sfr_eval.commands.score import import_warnings
    from sfr_eval.formats.read.names import Fields
    from sfr_eval.pipeline.score import score_models

    named = Fields(**{name.removesuffix("_field"): path for name, path in fields.items()})
    scored = score_models(
        files, {}, output=output, fields=named, name_files=len(files) > 1, fewest=fewest
    )
    for run in scored.runs:
        for line in (*import_warnings(run.folder), *run.trouble):
            log(line)
    return MeasuredRuns(folders=tuple(run.folder for run in scored.runs), parent=scored.parent)
