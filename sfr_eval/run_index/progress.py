"""How many replies a run that is still going has on disk."""

import os
from dataclasses import dataclass, field
from pathlib import Path

from sfr_eval.errors import UserError
from sfr_eval.util.untrusted import open_plain

_BLOCK = 2**20


@dataclass
class LineCounter:
    """Counts the lines of files that grow, and reads only what was added."""

    _known: dict[str, tuple[int, int]] = field(default_factory=dict)  # path -> (bytes, lines)

    def lines(self, file: Path) -> int:
        """Return the number of whole lines; 0 if the file cannot be read."""
        key = os.fspath(file)
        size, lines = self._known.get(key, (0, 0))
        try:
            with open_plain(file) as stream:
                if os.fstat(stream.fileno()).st_size < size:  # it was replaced
                    size, lines = 0, 0
                stream.seek(size)
                while block := stream.read(_BLOCK):
                    size += len(block)
                    lines += block.count(b"\n")
        except (OSError, UserError):
            return 0
        self._known[key] = size, lines
        return lines


def replies_on_disk(folder: Path, counter: LineCounter | None = None) -> int:
    """Return the number of stored rows of a run folder. A request that was drawn again after an
    error counts twice."""
    counter = counter or LineCounter()
    try:
        names = sorted(os.listdir(folder / "samples"))
    except OSError:
        return 0
    files = [folder / "samples" / name for name in names if name.endswith(".jsonl")]
    return sum(counter.lines(file) for file in files if not file.is_symlink())
