"""scores/.unfinished: metrics whose values are being replaced.

scores/ and results.json are several files, which no rename replaces together. A measurement that is
killed between them leaves values of one and estimates of another; until it is repeated, whoever
reads the results is told so.
"""

from collections.abc import Collection
from pathlib import Path

from sfr_eval.errors import UserError
from sfr_eval.util.files import write_atomic, writing_to
from sfr_eval.util.untrusted import plain_bytes

FILE = Path("scores", ".unfinished")
_SHOWN = 3


def begin(folder: Path, metrics: Collection[str]) -> None:
    """Say that values of these metrics are about to be replaced."""
    _write(folder, {*_read(folder), *metrics})


def end(folder: Path, metrics: Collection[str] | None = None) -> None:
    """Say that results.json has the estimates of these metrics, or of all."""
    _write(folder, set() if metrics is None else set(_read(folder)).difference(metrics))


def refuse_unfinished(folder: Path) -> None:
    """Raise UserError if a measurement was interrupted among the files that it replaces."""
    metrics = _read(folder)
    if metrics:
        more = f" and {len(metrics) - _SHOWN} more" if len(metrics) > _SHOWN else ""
        raise UserError(
            f"{folder}: was interrupted while the values of {', '.join(metrics[:_SHOWN])}{more} "
            f"were replaced; repeat the command, or run `sfr-eval score {folder}`"
        )


def _read(folder: Path) -> list[str]:
    try:
        return plain_bytes(folder / FILE).decode(errors="replace").split()
    except (FileNotFoundError, NotADirectoryError):
        return []
    except OSError as error:
        raise UserError(f"{folder / FILE}: cannot be read ({error.strerror})") from None


def _write(folder: Path, metrics: set[str]) -> None:
    with writing_to(folder):
        if metrics:
            (folder / FILE).parent.mkdir(parents=True, exist_ok=True)
            write_atomic(folder / FILE, "".join(f"{metric}\n" for metric in sorted(metrics)))
        else:
            (folder / FILE).unlink(missing_ok=True)
