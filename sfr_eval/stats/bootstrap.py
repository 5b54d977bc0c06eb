"""Intervals for means of pass@k and the like over many problems, with shares near 0 or 1 and many
ties. The resampling itself is done by `intervals`; for fewer than 50 problems see `bounded`."""

from collections.abc import Sequence

from sfr_eval.stats.bounded import bounded_interval
from sfr_eval.stats.intervals import bca_mean

DRAWS = 10_000


def bootstrap_interval(
    numbers: Sequence[float], *, ceiling: float = 1.0
) -> tuple[float, float, str]:
    """Return (low, high, method) of a two-sided 95% interval for the mean of two or more numbers.

    BCa (Efron 1987) with 10,000 draws of units with replacement. The draws depend on the number of
    units alone, so the intervals along a curve (all k of pass@k) share their resamples, and equal
    runs have equal intervals.

    If all are equal, resampling shows nothing, and the interval is that of `bounded`. So 50
    problems without a success give [0, 0.071], not [0, 0]. Only then the numbers need to lie in
    [0, `ceiling`].
    """
    if len(numbers) < 2:
        raise ValueError("bootstrap_interval: needs two or more numbers")
    if min(numbers) == max(numbers):
        return bounded_interval(numbers, high=ceiling)
    return bca_mean(numbers, draws=DRAWS)
