"""The small drawing on a card: a value and its interval on the scale of its metric."""

import math
from dataclasses import dataclass

from sfr_eval.metrics.table import possible
from sfr_eval.report.numbers import bounds
from sfr_eval.types import Estimate

_ENDS = (1, 1.5, 2, 2.5, 3, 4, 5, 6, 8, 10)
"""Where a scale without a largest value may end, times a power of ten."""


@dataclass(frozen=True, kw_only=True)
class Whisker:
    """Places on a scale in percent of its length; `left` and `right` are the values at its ends."""

    left: float
    right: float
    value: float
    low: float
    high: float
    reference: float | None = None

    @property
    def width(self) -> float:
        """The length of the interval."""
        return self.high - self.low


def whisker(estimate: Estimate, *, reference: Estimate | None = None) -> Whisker | None:
    """Return the drawing of an estimate, on the whole scale of the metric if it has two ends no
    more than 1 apart, else from 0 to a round number. None without a value."""
    if estimate.value is None:
        return None
    value, low, high = bounds(estimate)
    ends = [low, high] + ([reference.value] if reference and reference.value is not None else [])
    least, most = possible(estimate.metric)
    if least is not None and most is not None and most - least <= 1:
        left, right = least, most
    else:
        left, right = 0.0 - _round_end(-min(0.0, *ends)), _round_end(max(0.0, *ends))
        left = left if least is None else max(left, least)
        right = right if most is None else min(right, most)
    if left >= right:
        return None

    def place(at: float) -> float:
        return round(100 * (min(max(at, left), right) - left) / (right - left), 2)

    return Whisker(
        left=left,
        right=right,
        value=place(value),
        low=place(low),
        high=place(high),
        reference=place(reference.value) if reference and reference.value is not None else None,
    )


def _round_end(most: float) -> float:
    """Return the first round number that is not below a number of 0 or more."""
    if most <= 0:
        return 0.0
    power = 10.0 ** math.floor(math.log10(most))
    return next(step * power for step in _ENDS if step * power >= most * (1 - 1e-9))
