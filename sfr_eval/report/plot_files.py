"""The files of figures in plots/: numbers always, images where they are asked for."""

from collections.abc import Sequence
from pathlib import Path

from sfr_eval.report.figures import IMAGES, Figure, files
from sfr_eval.util.files import write_atomic


def write_plots(stem: Path, figures: Sequence[Figure], *, images: bool, columns: int = 3) -> None:
    """Write the numbers of figures of a kind, and with `images` the drawings, to `stem` and a
    suffix. Without them, those of an earlier report are removed: their numbers may be others.
    """
    for suffix, content in files(figures, images=images, columns=columns):
        write_atomic(_file(stem, suffix), content)
    for suffix in () if images and figures else IMAGES:
        _file(stem, suffix).unlink(missing_ok=True)


def _file(stem: Path, suffix: str) -> Path:
    return stem.with_name(f"{stem.name}.{suffix}")
