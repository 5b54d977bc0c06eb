"""The tables of a comparison as text, for the terminal and for the page."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from statistics import stdev
from typing import Any

from sfr_eval.comparison.differences import DifferenceRow
from sfr_eval.comparison.overview import MetricRow
from sfr_eval.comparison.result import Comparison
from sfr_eval.report.numbers import Interval, number, p_text

_MOST_DECIMALS = 4


def decimals(row: MetricRow) -> int:
    """Return the decimals of all numbers of a row: enough for two digits of its narrowest interval,
    and for three of its smallest value where there is no interval."""
    widths = [
        (one.high - one.low) / 2
        for one in row.rows
        if one.low is not None and one.high is not None and one.high - one.low > 1e-9
    ]
    values = [abs(one.value) / 100 for one in row.values if one.value]
    step = min(widths, default=min(values, default=1.0))
    digits = next((d for d in range(_MOST_DECIMALS) if step >= 2 * 10.0**-d), _MOST_DECIMALS)
    while digits < _MOST_DECIMALS and any(_looks_open(one, digits) for one in row.rows):
        digits += 1
    return digits


def _looks_open(row: DifferenceRow, digits: int) -> bool:
    """Return whether the interval of a row that is called would be shown with an end at 0."""
    if row.call not in ("gain", "loss") or row.low is None or row.high is None:
        return False
    return round(min(abs(row.low), abs(row.high)), digits) == 0


def fixed(value: float | None, digits: int, *, sign: bool = False) -> str:
    """Return a number with that many decimals, without a sign if they are all 0; `-` for none."""
    if value is None:
        return "-"
    text = f"{value:+.{digits}f}" if sign else f"{value:.{digits}f}"
    is_zero = not text.strip("+-0.")
    return text.lstrip("+-") if is_zero else text


def interval_text(row: DifferenceRow, digits: int) -> str:
    """Return `[-0.02, 0.03]`; "" without an interval, and where all queries differ equally."""
    if row.low is None or row.high is None or row.low == row.high:
        return ""
    return f"[{fixed(row.low, digits)}, {fixed(row.high, digits)}]"


def call_words(row: DifferenceRow) -> str:
    """Return what is called of a row in few words; "" outside the primary family."""
    if row.delta is None:
        return "not compared"
    words = row.words.partition(":")[0]
    return "no difference" if row.call == "equal" and words.startswith("no difference") else words


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
