"""Makes docs/calibration anew: runs the full calibration, writes the page, its numbers and plots,
and the curves on the metrics' pages, and prints where a metric's entry has an old span.

Run it after a change of any metric's values; it takes half an hour or more.
"""

import shutil
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import metric_curves  # beside this file

from sfr_eval.commands.calibrate import execute
from sfr_eval.metrics.table import metric_table
from sfr_eval.settings import ScoreSettings
from sfr_eval.util.progress import say

FOLDER = Path(__file__).parents[1] / "calibration"
ROUNDED = 0.05
"""Part of a span by which an entry may differ from it."""


def old_spans(calibration: Mapping[str, Any]) -> Iterator[str]:
    """Yield a line for each metric whose entry has another span than was measured."""
    for metric, row in calibration["metrics"].items():
        entry = metric_table()[metric]
        span = row["span"] if entry.claims and entry.span else None
        if span and abs(entry.span - span) > ROUNDED * span:
            yield f"{metric}: its entry has span {entry.span:g}, measured {span:.3g}"


def main() -> None:
    """Write all files."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        settings = ScoreSettings()
        calibration = execute(folder, suite="persona", quick=False, settings=settings, seed=0)
        shutil.copy(folder / "calibration.json", FOLDER)
        shutil.copy(folder / "calibration.md", FOLDER / "index.md")
        for plot in (folder / "plots").glob("*.png"):
            shutil.copy(plot, FOLDER / "plots")
    metric_curves.main()
    for line in old_spans(calibration):
        say(line)


if __name__ == "__main__":
    main()
