"""Generations of one model, imported."""

from collections.abc import Sequence
from pathlib import Path

from sfr_eval.formats.read.folder import import_runs
from sfr_eval.formats.read.names import Fields
from sfr_eval.settings import CodeSettings
from sfr_eval.store.run_folder import RunFolder


def import_generations(
    files: Sequence[Path],
    *,
    suite: str | None,
    output: Path | None,
    code: CodeSettings | None = None,
    fields: Fields | None = None,
) -> tuple[RunFolder, list[Path]]:
    """Make a run folder from files that hold replies of one model. Return it, and the folders that
    had to be created for it."""
    imported = import_runs(files, suite=suite, output=output, code=code, fields=fields)
    (folder,) = imported.folders
    return folder, list(imported.new)
