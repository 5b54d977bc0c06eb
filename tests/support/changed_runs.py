"""Runs of a whole and of a narrowed world, copied and changed for a test of what is compared."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

from sfr_eval.comparison.differences import DifferenceRow
from sfr_eval.comparison.result import Comparison

WHOLE = {"cross": 0.0, "within": 0.0}
NARROW = {"cross": 0.0, "within": 0.5}


def copy(run: Path, folder: Path) -> Path:
    return Path(shutil.copytree(run, folder))


def edit(run: Path, file: str, change: Callable[[dict[str, Any]], None]) -> Path:
    loaded = json.loads((run / file).read_text())
    change(loaded)
    (run / file).write_text(json.dumps(loaded))
    return run


def primary(comparison: Comparison) -> list[DifferenceRow]:
    return [row for _, row in comparison.rows if row.role is not None]
