"""Intervals for means of bounded numbers that are far from normal: shares near 0 or 1, few
problems, many ties. The resampling itself is done by `intervals`."""

from collections.abc import Sequence

from sfr_eval.stats.intervals import CONFIDENCE, bca_mean

DRAWS = 10_000


def bootstrap_interval(
    numbers: Sequence[float], *, ceiling: float = 1.0
) -> tuple[float, float, str]:
    """Return (low, high, method) of a two-sided 95% interval for the mean of two or more numbers.

    BCa (Efron 1987) with 10,000 draws of units with replacement. The draws depend on the number of
    units alone, so the intervals along a curve (all k of pass@k) share their resamples, and equal
    runs have equal intervals.

    The numbers need to lie in [0, `ceiling`] only if all are equal, where resampling shows nothing:
    all 0 (or all `ceiling`) gives the exact binomial bound on the share of units that differ, times
    `ceiling` (Clopper & Pearson 1934). So 20 problems without a success give [0, 0.17], not [0, 0].
    Other equal numbers give zero width.
    """
    n = len(numbers)
    if n < 2:
        raise ValueError("bootstrap_interval: needs two or more numbers")
    low_tail = (1 - CONFIDENCE) / 2
    first = float(numbers[0])
    if min(numbers) == max(numbers):
        # The closed form of binomtest(0, n).proportion_ci(): that one is solved numerically.
        unseen = ceiling * (1 - low_tail ** (1 / n))
        if first == 0:
            return 0.0, unseen, "exact"
        if first == ceiling:
            return ceiling - unseen, ceiling, "exact"
        return first, first, "constant"
    return bca_mean(numbers, draws=DRAWS)
