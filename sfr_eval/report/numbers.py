"""Numbers as a reader sees them: a value and the ends of its 95 % interval."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from sfr_eval.metrics.table import possible
from sfr_eval.stats.curves import CurveEstimate
from sfr_eval.store.results import LengthSlope
from sfr_eval.types import Estimate

FEW_QUERIES = 5
"""Below this number of queries a text says how many stand behind an interval."""

_LOPSIDED = 0.15  # of the half-width: the most by which ± misplaces an end
_NO_WIDTH = 1e-12
_MOST_DIGITS = 9


@dataclass(frozen=True)
class Interval:
    """A number with the ends of its 95 % interval; None stands for what is undefined."""

    value: float | None
    low: float | None = None
    high: float | None = None
    queries: int | None = None  # behind the interval, where that is known
    possible: tuple[float, float] = (-math.inf, math.inf)  # the metric's range

    @classmethod
    def of(
        cls, source: Estimate | CurveEstimate | LengthSlope | Mapping[str, Any] | None
    ) -> "Interval":
        """Return the interval of an estimate or of a stored row; undefined for None."""
        if source is None:
            return cls(None)
        if isinstance(source, Mapping):
            return cls(source["value"], source["low"], source["high"])
        if not isinstance(source, Estimate):
            return cls(source.value, source.low, source.high)
        low, high = possible(source.metric)
        ends = (-math.inf if low is None else low, math.inf if high is None else high)
        return cls(source.value, source.low, source.high, source.n, possible=ends)

    def text(self, spec: str = ".3g", *, ends: str = "") -> str:
        """Return `0.371 [0.36, 0.382]`, the value alone without an interval, `-` without a value.

        `spec` formats the value and, without its sign, the ends, unless `ends` says otherwise.
        """
        if self.value is None or self.low is None or self.high is None:
            return number(self.value, spec)
        ends = ends or spec.removeprefix("+")
        return f"{self.value:{spec}} [{self.low:{ends}}, {self.high:{ends}}]"

    def rounded(
        self, *, scale: float = 1.0, unit: str = "", without: str = " (no interval)"
    ) -> str:
        """Return `0.37 ± 0.03`, with as many digits as value and interval warrant.

        The half-width has one or two digits. The value is off by at most a quarter of it, and by
        at most 5 % of itself (or 0.5 % of the half-width). An interval is written out, as in
        `0.57 [0.02, 0.99]`, if it is not symmetric, wider than the value, or if ± would reach
        beyond the metric's range. `without` follows a value that has no interval. Unless it is "",
        as in a table, the text also says so where all queries have the same value, which gives an
        interval without width, and where there are fewer than 5 queries.
        """
        if self.value is None:
            return "undefined"
        value = self.value * scale
        if self.low is None or self.high is None:
            return f"{value:.{decimals(abs(value) / 10)}f}{unit}{without}"
        least, most = (end * scale for end in self.possible)
        low, high = max(least, self.low * scale), min(most, self.high * scale)
        half = (high - low) / 2
        if half <= _NO_WIDTH * max(1.0, abs(value)):
            return f"{value:.{decimals(abs(value) / 10)}f}{unit}{self._same() if without else ''}"
        digits = _value_digits(value, half)
        few = self.queries is not None and self.queries < FEW_QUERIES
        note = f" ({self.queries} queries)" if few and without else ""
        shown, reach = round(value, digits), round(half, digits)
        inside = least <= shown - reach and shown + reach <= most
        if abs((value - low) - half) > _LOPSIDED * half or half > abs(value) or not inside:
            ends = ", ".join(fixed(end, digits) for end in (low, high))
            return f"{fixed(value, digits)} [{ends}]{unit}{note}"
        return f"{fixed(value, digits)} ± {half:.{digits}f}{unit}{note}"

    def percent(self, *, without: str = " (no interval)") -> str:
        """Return a share as `57 ± 3 %`, with an interval within 0 to 100; `without` as of
        `rounded`."""
        share = replace(self, possible=(0.0, 1.0))
        return share.rounded(scale=100, unit=" %", without=without)

    def _same(self) -> str:
        if self.queries is None:
            return " (no spread)"
        return " (1 query)" if self.queries == 1 else f" (the same in all {self.queries} queries)"


def fixed(value: float, digits: int, sign: str = "") -> str:
    """Return a number with so many decimals, without the minus of a zero."""
    rounded = round(value, digits)
    return f"{0.0 if rounded == 0 else rounded:{sign if rounded else ''}.{digits}f}"


def number(value: float | None, spec: str = ".3g") -> str:
    """Return a number for a cell of a table, `-` where it is undefined."""
    return "-" if value is None else f"{value:{spec}}"


def p_text(p: float | None) -> str:
    """Return a p-value as `0.003`, or `<.001`."""
    return "<.001" if p is not None and p < 0.001 else number(p, ".3f")


def bounds(estimate: Estimate) -> tuple[float, float, float]:
    """Return (value, low, high) of a defined estimate; without an interval all are the value."""
    if estimate.value is None:
        raise ValueError(f"{estimate.metric}: undefined")
    low = estimate.value if estimate.low is None else estimate.low
    high = estimate.value if estimate.high is None else estimate.high
    return estimate.value, low, high


def _value_digits(value: float, half: float) -> int:
    """Return the decimals of a value with an interval of this half-width: those of the half-width,
    and more where rounding would change the value itself."""
    digits, slack = decimals(half), max(0.05 * abs(value), 0.005 * half)
    places = range(digits, _MOST_DIGITS)
    return next((d for d in places if abs(round(value, d) - value) <= slack), _MOST_DIGITS)


def decimals(step: float) -> int:
    """Return the decimals that show a step of this size with one or two digits."""
    if not step:
        return 0
    places = range(_MOST_DIGITS)
    return next((digits for digits in places if step >= 2 * 10.0**-digits), _MOST_DIGITS)
