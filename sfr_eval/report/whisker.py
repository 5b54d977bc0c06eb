"""The small drawing on a card: a value and its interval on the scale of its metric."""

from dataclasses import dataclass

from sfr_eval.metrics.table import metric_info
from sfr_eval.report.numbers import bounds
from sfr_eval.types import Estimate

_ROOM = 1.15  # of a scale without a largest value, beyond what is drawn on it


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
    more than 1 apart, else from 0 to somewhat more than is drawn. None without a value."""
    if estimate.value is None:
        return None
    value, low, high = bounds(estimate)
    ends = [low, high] + ([reference.value] if reference and reference.value is not None else [])
    info = metric_info(estimate.metric)
    possible = info.range if info is not None else None
    if possible is not None and possible[1] - possible[0] <= 1:
        left, right = possible
    else:
        left, right = min(0.0, *ends), max(0.0, *ends) * _ROOM
    if possible is not None:
        left, right = max(left, possible[0]), min(right, possible[1])
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
