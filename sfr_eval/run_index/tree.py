"""What a folder tree holds: run folders and comparison pages.

Symbolic links inside the tree are not followed, hidden folders are left out, and nothing below a
run folder is looked at. A folder that cannot be read is passed over and named.
"""

import os
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from sfr_eval.errors import UserError
from sfr_eval.store.manifest import FILE as MANIFEST

COMPARISON, COMPARISON_PAGE = "comparison.json", "compare.html"


@dataclass(frozen=True, kw_only=True)
class Tree:
    """Folders of interest below the paths that a user named, in order of their names."""

    roots: tuple[Path, ...]
    runs: tuple[Path, ...]  # folders with a manifest.json
    comparisons: tuple[Path, ...]  # folders with a comparison.json
    unreadable: tuple[Path, ...] = ()

    @property
    def common(self) -> Path:
        """The deepest folder that holds all roots."""
        return Path(os.path.commonpath([root.absolute() for root in self.roots]))

    def place(self, folder: Path) -> str:
        """Return where a folder is, seen from the common one: `sft/step_500`; its name if it is
        the common one itself."""
        place = os.path.relpath(folder.absolute(), self.common)
        return folder.absolute().name if place == "." else place


def find_tree(paths: Sequence[Path]) -> Tree:
    """Look through the folders that a user named. Raises UserError if one is not there."""
    for path in paths:
        if not path.is_dir():
            what = "is a file, not a folder" if path.exists() else "no such folder"
            raise UserError(f"{path}: {what}; name run folders, or a folder that holds them")
    runs: dict[str, Path] = {}
    comparisons: dict[str, Path] = {}
    unreadable: list[Path] = []
    for path in paths:
        for folder, names in _folders(path, unreadable):
            key = os.path.abspath(folder)
            if MANIFEST in names:
                runs.setdefault(key, folder)
            if COMPARISON in names:
                comparisons.setdefault(key, folder)
    return Tree(
        roots=tuple(paths),
        runs=tuple(runs[key] for key in sorted(runs, key=_natural)),
        comparisons=tuple(comparisons[key] for key in sorted(comparisons, key=_natural)),
        unreadable=tuple(unreadable),
    )


def _natural(path: str) -> list[tuple[int, int, str]]:
    """Sort checkpoint-200 before checkpoint-1000."""
    parts = re.split(r"(\d{1,18})", path)
    return [(0, int(part), "") if part.isdecimal() else (1, 0, part) for part in parts]


def _folders(root: Path, unreadable: list[Path]) -> Iterator[tuple[Path, frozenset[str]]]:
    """Yield each folder with the names of the files in it."""
    waiting = [str(root)]
    while waiting:
        place = waiting.pop()
        try:
            with os.scandir(place) as entries:
                files, folders = _sorted_out(entries)
        except OSError:
            unreadable.append(Path(place))
            continue
        yield Path(place), files
        if MANIFEST not in files:
            waiting += folders


def _sorted_out(entries: Iterable["os.DirEntry[str]"]) -> tuple[frozenset[str], list[str]]:
    """Return the names of the regular files and the paths of the folders among the entries."""
    files, folders = [], []
    for entry in entries:
        if entry.is_file(follow_symlinks=False):
            files.append(entry.name)
        elif entry.is_dir(follow_symlinks=False) and not entry.name.startswith("."):
            folders.append(entry.path)
    return frozenset(files), folders
