"""Numbers as a reader sees them: a value and the ends of its 95 % interval."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sfr_eval.stats.curves import CurveEstimate
from sfr_eval.store.results import LengthSlope
from sfr_eval.types import Estimate


@dataclass(frozen=True)
class Interval:
    """A number with the ends of its 95 % interval; None stands for what is undefined."""

    value: float | None
    low: float | None = None
    high: float | None = None

    @classmethod
    def of(
        cls, source: Estimate | CurveEstimate | LengthSlope | Mapping[str, Any] | None
    ) -> "Interval":
        """Return the interval of an estimate or of a stored row; undefined for None."""
        if source is None:
            return cls(None)
        if isinstance(source, Mapping):
            return cls(source["value"], source["low"], source["high"])
        return cls(source.value, source.low, source.high)

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
        """Return `0.37 ± 0.03`, with as many digits as the interval warrants.

        An interval that is not symmetric is written out. `without` follows a value that has none.
        """
        if self.value is None:
            return "undefined"
        value = self.value * scale
        if self.low is None or self.high is None:
            return f"{value:.{_digits(abs(value) / 10)}f}{unit}{without}"
        low, high = self.low * scale, self.high * scale
        half = (high - low) / 2
        digits = _digits(half or abs(value) / 10)
        if abs((value - low) - half) > 0.05 * half:
            return f"{value:.{digits}f} [{low:.{digits}f}, {high:.{digits}f}]{unit}"
        return f"{value:.{digits}f} ± {half:.{digits}f}{unit}"

    def percent(self) -> str:
        """Return a share as `57 ± 3 %`."""
        return self.rounded(scale=100, unit=" %")


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


def _digits(step: float) -> int:
    """Return the decimals that show a step of this size with one or two digits."""
    if not step:
        return 0
    return next((digits for digits in range(3) if step >= 2 * 10.0**-digits), 3)
