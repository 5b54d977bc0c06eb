"""The tables of a comparison as text, for the terminal and for the page."""

from collections.abc import Mapping
from typing import Any

from sfr_eval.comparison.differences import DifferenceRow, shown_call
from sfr_eval.report.numbers import Interval, number, p_text


def difference_cells(row: DifferenceRow) -> dict[str, str]:
    """Return the cells of one metric at one temperature."""
    verdict = shown_call(row.words)
    return {
        "first": number(row.first),
        "second": number(row.second),
        "difference": Interval(row.delta, row.low, row.high).text("+.3g"),
        "p": p_text(row.p_holm),
        "verdict": f"{verdict}: {row.reason}" if row.delta is None and row.reason else verdict,
    }


def matched_cells(row: Mapping[str, Any]) -> dict[str, str]:
    """Return the cells of one summary of the curves at equal quality."""
    turned = "" if row["diversity_is"] == "the value" else "1 - "
    return {
        "diversity": f"{turned}{row['diversity']}",
        "quality": row["quality"],
        "level": "hypervolume" if row["level"] is None else number(row["level"]),
        "difference": Interval.of(row).text("+.3g"),
        "verdict": shown_call(row["words"]),
    }
