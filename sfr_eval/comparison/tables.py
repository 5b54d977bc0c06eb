"""The tables of a comparison as text, for the terminal and for the page."""

from collections.abc import Mapping
from typing import Any

from sfr_eval.comparison.differences import DifferenceRow
from sfr_eval.report.numbers import Interval, number, p_text


def difference_cells(row: DifferenceRow) -> dict[str, str]:
    """Return the cells of one row; without a verdict outside the primary family."""
    verdict = row.words
    if row.delta is None:
        verdict = f"not compared: {row.reason}" if row.reason else "not compared"
    return {
        "first": number(row.first),
        "second": number(row.second),
        "difference": Interval(row.delta, row.low, row.high).text("+.3g"),
        "p": p_text(row.p_adjusted),
        "verdict": verdict,
    }


def matched_cells(row: Mapping[str, Any]) -> dict[str, str]:
    """Return the cells of one summary of the curves at equal quality."""
    turned = "" if row["diversity_is"] == "the value" else "1 - "
    return {
        "diversity": f"{turned}{row['diversity']}",
        "quality": row["quality"],
        "level": "hypervolume" if row["level"] is None else number(row["level"]),
        "difference": Interval.of(row).text("+.3g"),
        "reason": row["reason"],
    }
