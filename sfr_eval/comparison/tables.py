"""The tables of a comparison as text, for the terminal and for the page."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from statistics import stdev
from typing import Any

from sfr_eval.comparison.differences import DifferenceRow
from sfr_eval.comparison.result import Comparison
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


@dataclass(frozen=True, kw_only=True)
class TrainingRow:
    """One primary metric of one group of trainings, as text."""

    group: str
    metric: str
    temperature: float
    mean: str  # with its interval
    values: str  # of each training, in the order of its runs
    spread: str  # standard deviation between trainings


def training_rows(comparison: Comparison, suite: str) -> Iterator[TrainingRow]:
    """Yield the primary metrics of each group where they are decided about; nothing for runs."""
    primary = {
        (row.metric, row.temperature): None
        for _, row in comparison.rows
        if row.suite == suite and row.role is not None and row.temperature is not None
    }
    for metric, temperature in primary:
        for group in comparison.groups:
            for estimate in group.estimates:
                if (estimate.suite, estimate.metric, estimate.temperature) == (
                    suite,
                    metric,
                    temperature,
                ):
                    yield TrainingRow(
                        group=group.name,
                        metric=metric,
                        temperature=estimate.temperature,
                        mean=Interval(estimate.value, estimate.low, estimate.high).text(),
                        values=", ".join(map(number, estimate.runs)),
                        spread=number(stdev(estimate.runs) if len(estimate.runs) > 1 else None),
                    )
