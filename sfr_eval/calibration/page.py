"""calibration.json as a page of Markdown, from reports/calibration.md.j2."""

from collections.abc import Mapping
from functools import partial
from typing import Any

from sfr_eval.calibration.design import TOLERANCE
from sfr_eval.report.numbers import number
from sfr_eval.util.assets import report_file


def page(calibration: Mapping[str, Any]) -> str:
    """Render the whole page; equal calibrations give equal pages."""
    from jinja2 import Environment, StrictUndefined

    environment = Environment(
        autoescape=False,  # Markdown, and nothing in it was written by a model
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters |= {"number": number, "percent": partial(number, spec=".1%")}
    template = environment.from_string(report_file("calibration.md.j2").read_text(encoding="utf-8"))
    metrics = calibration["metrics"]
    parts = {
        metric: {(cell["queries"], cell["k"]): cell["part"] for cell in metrics[metric]["power"]}
        for metric in calibration["headline"]
    }
    return template.render(
        **calibration,
        tolerance=TOLERANCE,
        unmoved=[metric for metric, row in metrics.items() if _unmoved(row["lengths"])],
        parts=parts,
        sizes=sorted({size for cells in parts.values() for size in cells}),
    )


def _unmoved(lengths: Mapping[str, Any]) -> bool:
    """Whether a metric is defined at every length and hardly moves with it."""
    moved = lengths["moved"]
    return None not in lengths["mean"].values() and moved is not None and moved <= TOLERANCE
