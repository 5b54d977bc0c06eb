"""Numbers of one column of a table: with one number of decimals, so that their points line up.

Each cell has its value and its interval apart; the page puts each into a place of its own.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median_high

from sfr_eval.report.numbers import Interval, decimals, fixed

_LOPSIDED = 0.15  # of the half-width: the most by which ± misplaces an end
_NO_WIDTH = 1e-12


@dataclass(frozen=True, kw_only=True)
class Number:
    """A number as a cell shows it."""

    value: str  # `0.30`; `-` where it is undefined
    interval: str = ""  # `± 0.02` or `[0.2, 0.5]`

    @property
    def text(self) -> str:
        """`0.30 ± 0.02`."""
        return f"{self.value} {self.interval}".rstrip()


def aligned(column: Sequence[Interval], *, signed: bool = False) -> list[Number]:
    """Return the numbers of a column. The decimals are those that the middle one of its intervals
    warrants (its half-width has one or two digits), or one more where a narrower one needs it.

    An interval is written out where ± would misplace an end or reach beyond what is possible.
    """
    digits = _column_digits(column)
    return [_number(cell, digits, "+" if signed else "") for cell in column]


def _column_digits(column: Sequence[Interval]) -> int:
    halves = [half for cell in column if (half := _half(cell)) is not None and half > _NO_WIDTH]
    if not halves:
        values = [abs(cell.value) / 10 for cell in column if cell.value]
        return median_high(map(decimals, values)) if values else 1
    usual = median_high(map(decimals, halves))
    needed = max(math.ceil(-math.log10(half)) for half in halves)
    return min(max(usual, needed), usual + 1)


def _half(cell: Interval) -> float | None:
    if cell.value is None or cell.low is None or cell.high is None:
        return None
    return (cell.high - cell.low) / 2


def _number(cell: Interval, digits: int, sign: str) -> Number:
    if cell.value is None:
        return Number(value="-")
    value, half = fixed(cell.value, digits, sign), _half(cell)
    if half is None or half <= _NO_WIDTH * max(1.0, abs(cell.value)):
        return Number(value=value)
    assert cell.low is not None
    assert cell.high is not None
    least, most = cell.possible
    low, high = max(least, cell.low), min(most, cell.high)
    half = (high - low) / 2
    shown, reach = round(cell.value, digits), round(half, digits)
    inside = least <= shown - reach and shown + reach <= most
    if abs((cell.value - low) - half) > _LOPSIDED * half or not inside:
        return Number(value=value, interval=f"[{fixed(low, digits)}, {fixed(high, digits)}]")
    if not reach:
        return Number(value=value, interval=f"± <{fixed(10.0**-digits, digits)}")
    return Number(value=value, interval=f"± {fixed(half, digits)}")
