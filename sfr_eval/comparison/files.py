"""The folder of a comparison: comparison.json, tables, figures, compare.html."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from sfr_eval.comparison.board import board
from sfr_eval.comparison.compare import compare_runs
from sfr_eval.comparison.figures import figures
from sfr_eval.comparison.forest import forest
from sfr_eval.comparison.overview import suite_ids
from sfr_eval.comparison.page import render
from sfr_eval.comparison.result import Comparison
from sfr_eval.errors import UserError
from sfr_eval.report.figures import to_csv
from sfr_eval.report.plot_files import write_plots
from sfr_eval.util.files import write_atomic, writing_to
from sfr_eval.util.untrusted import file_name, whole_text


def write_comparison(
    comparison: Comparison, folder: Path | None = None, *, images: bool = False
) -> Path:
    """Write everything into `folder`, by default runs/compare-..., and return the path of the page.

    comparison.json; metrics.csv and matched_quality.csv with the same rows; plots/ with a CSV of
    each figure, and with `images` PNG (300 dpi) and SVG; compare.html. Raises UserError for a
    folder with a run.
    """
    folder = folder or comparison.default_folder
    if (folder / "manifest.json").exists():
        raise UserError(f"--output {folder}: holds a run; choose another folder")
    with writing_to(folder):
        (folder / "plots").mkdir(parents=True, exist_ok=True)
        content = json.dumps(comparison.as_dict(), indent=1, allow_nan=False, ensure_ascii=False)
        write_atomic(folder / "comparison.json", whole_text(content))
        _csv(folder / "metrics.csv", list(comparison.records()))
        _csv(folder / "matched_quality.csv", list(comparison.matched_records()))
        drawn = {}
        for suite in suite_ids(comparison):
            runs = [run for run in comparison.runs if suite in run.suites]
            drawn[suite] = {
                "forest": forest(comparison, suite, board(comparison, suite).temperature),
                **figures(runs, suite, groups=comparison.groups),
            }
            for kind, group in drawn[suite].items():
                write_plots(folder / "plots" / f"{file_name(suite)}-{kind}", group, images=images)
        page = folder / "compare.html"
        write_atomic(page, render(comparison, drawn, images=images))
    return page


def compare_again(sweep: Path, *, images: bool = False) -> Path:
    """Compare the decoders of a sweep in its folder, and return the path of the page."""
    return write_comparison(compare_runs(sweep), sweep, images=images)


def _csv(file: Path, rows: Sequence[dict[str, Any]]) -> None:
    if rows:
        write_atomic(file, to_csv(rows))
    else:
        file.unlink(missing_ok=True)  # of an earlier comparison
