"""Which comparison pages of a tree a run is on."""

import json
import os
from collections.abc import Mapping
from pathlib import Path

from sfr_eval.run_index.tree import COMPARISON, COMPARISON_PAGE, Tree
from sfr_eval.util.untrusted import open_plain

_HEAD_BYTES = 2**18
_RUNS = '"runs": '


def comparison_pages(tree: Tree) -> dict[str, tuple[Path, ...]]:
    """Return absolute folder of a run -> pages of the tree that compare it."""
    known = {os.path.abspath(run): Path(os.path.abspath(run)).parts for run in tree.runs}
    pages: dict[str, list[Path]] = {}
    for folder in tree.comparisons:
        page = folder / COMPARISON_PAGE
        if page.is_file():
            for run in _compared_runs(folder, known):
                pages.setdefault(run, []).append(page)
    return {run: tuple(found) for run, found in pages.items()}


def _compared_runs(folder: Path, known: Mapping[str, tuple[str, ...]]) -> list[str]:
    """Return the runs that comparison.json names near its beginning, as folders of this tree. They
    were written relative to where `compare` was called, so the longest common ending decides."""
    try:
        with open_plain(folder / COMPARISON) as stream:
            head = stream.read(_HEAD_BYTES).decode("utf-8", "replace")
        start = head.index(_RUNS) + len(_RUNS)
        runs, _ = json.JSONDecoder().raw_decode(head, start)
        named = [Path(run["folder"]) for run in runs]
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return []
    found = []
    for path in named:
        if os.path.abspath(path) in known:
            found.append(os.path.abspath(path))
            continue
        parts = tuple(part for part in path.parts if part not in ("..", "."))
        alike = [run for run, whole in known.items() if whole[-len(parts) :] == parts]
        if len(alike) == 1:
            found.append(alike[0])
    return found
