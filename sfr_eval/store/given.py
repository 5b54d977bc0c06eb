"""given.jsonl: what an imported file says of its replies beside their text.

Another tool's classes of equal answers and its scores. They are kept as they are, so that its
numbers can be computed again from a run folder.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from sfr_eval.store.rows import encode_row, intact_rows
from sfr_eval.util.files import write_atomic, writing_to

FILE = "given.jsonl"


@dataclass(frozen=True, kw_only=True)
class Given:
    """What a file says of one reply."""

    sample_id: str
    group: int | None = None  # its class of equal answers, among the replies to its prompt
    score: float | None = None


def write_given(folder: Path, rows: Iterable[Given]) -> None:
    """Replace the file of a run folder; without rows there is none."""
    content = b"".join(map(encode_row, rows))
    with writing_to(folder):
        if content:
            write_atomic(folder / FILE, content)
        else:
            (folder / FILE).unlink(missing_ok=True)


def read_given(folder: Path) -> Mapping[str, Given]:
    """Return sample_id -> what was given; {} without the file."""
    return {row.sample_id: row for row in intact_rows(folder / FILE, Given)}
