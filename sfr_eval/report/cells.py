"""Cells of tables: numbers aligned by column, what is said when pointed at, and where they lead."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from sfr_eval.report.columns import Number, aligned
from sfr_eval.report.numbers import Interval
from sfr_eval.types import Estimate


@dataclass(frozen=True, kw_only=True)
class Cell:
    """What the macro `number` of parts/tables.html.j2 writes."""

    number: Number
    why: str = ""  # what is said when it is pointed at
    value: float | None = None
    low: float | None = None
    high: float | None = None
    metric: str = ""
    persona: str = ""
    replies: str = ""  # the address of the replies behind it
    width: int = 0  # characters of the widest interval of the column
    pad: str = ""  # room for the decimals that others of the column have

    @property
    def text(self) -> str:
        """Value and interval."""
        return self.number.text


def cells(column: Sequence[Estimate | None], *, replies: Sequence[str] = ()) -> list[Cell]:
    """Return the cells of estimates that share a unit, with the addresses of the replies behind
    them."""
    addresses = replies or [""] * len(column)
    numbers = aligned([Interval.of(estimate) for estimate in column])
    return in_column(
        [
            _cell(estimate, number, address)
            for estimate, number, address in zip(column, numbers, addresses, strict=True)
        ]
    )


def interval_cell(interval: Interval, number: Number, *, why: str = "") -> Cell:
    """Return the cell of a number that is not an estimate of one run, such as a difference."""
    return Cell(number=number, why=why, value=interval.value, low=interval.low, high=interval.high)


def in_column(column: Sequence[Cell]) -> list[Cell]:
    """Return the cells with what they need to stand in one column, points below points. Their
    numbers of decimals may differ, as those of several metrics do."""
    width = max((len(cell.number.interval) for cell in column), default=0)
    tails = [_tail(cell.number) for cell in column]
    longest = max(map(len, tails), default=0)
    return [
        replace(
            cell, width=width, pad=("." if not tail and longest else "") + _zeros(longest, tail)
        )
        for cell, tail in zip(column, tails, strict=True)
    ]


def _tail(number: Number) -> str:
    """Return the point of a number and what follows it."""
    _, point, decimals = number.value.partition(".")
    return point + decimals


def _zeros(longest: int, tail: str) -> str:
    return "0" * (longest - max(len(tail), 1)) if longest else ""


def _cell(estimate: Estimate | None, number: Number, address: str) -> Cell:
    if estimate is None or estimate.value is None:
        return Cell(number=number, why=estimate.reason if estimate else "not measured")
    interval = "no interval"
    if estimate.low is not None and estimate.high is not None:
        interval = f"95 % interval {estimate.low:.4g} to {estimate.high:.4g}"
    return Cell(
        number=number,
        why=f"{estimate.value:.6g}; {interval}, {estimate.n} queries, k = {estimate.k}",
        value=estimate.value,
        low=estimate.low,
        high=estimate.high,
        metric=estimate.metric,
        persona=estimate.persona,
        replies=address,
    )
