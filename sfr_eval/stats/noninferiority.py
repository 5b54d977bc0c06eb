"""Is a mean gain above a margin, where a few queries may have lost much?

Losses of a few topics make the gains skewed. Sign flips then test symmetry rather than the mean,
and t trusts the spread of the queries that happened to lose nothing. Measured sizes are in
docs/design/statistics.md.
"""

import math
from collections.abc import Sequence

import numpy as np

SIZES = 12  # of losses that are tried
VISIBLE = 4.0
"""A loss stands out from four standard deviations of the others' gains."""


def positive_mean_p(numbers: Sequence[float]) -> float:
    """One-sided p-value of a mean of at most 0, of two or more independent numbers.

    The t statistic, transformed for the skewness of the numbers (Hall 1992): with a long tail of
    losses it takes a larger mean. Equal numbers give 0 or 1.
    """
    from scipy.special import stdtr

    values = np.asarray(numbers, dtype=np.float64)
    n, mean = len(values), float(values.mean())
    spread = float(values.std(ddof=1))
    if spread <= 1e-12 * max(1.0, abs(mean)):
        return 0.0 if mean > 0 else 1.0
    lean = float(((values - mean) ** 3).mean()) / float(values.std()) ** 3
    ratio = mean / spread
    turned = ratio + lean * ratio**2 / 3 + lean**2 * ratio**3 / 27 + lean / (6 * n)
    return float(stdtr(n - 1, -math.sqrt(n) * turned))


def patchy_loss_p(gains: Sequence[float], *, tolerance: float, largest: float) -> float:
    """Return the largest chance of so few visible losses if a share of the queries lost much.

    A mean loss of `tolerance` may be a loss of L in a share tolerance / L of the queries, for any L
    up to `largest`. Gains below -L / 2 are counted as such losses. Only L are tried that stand out
    from the other gains (by the median absolute deviation), since smaller ones show in the spread:
    without any that does, 0. With 16 queries, all alike, a share of 17 % may have escaped.
    """
    from scipy.special import bdtr

    values = np.asarray(gains, dtype=np.float64)
    middle = float(np.median(values))
    spread = 1.4826 * float(np.median(np.abs(values - middle)))
    smallest = max(VISIBLE * spread, tolerance)
    if tolerance <= 0 or smallest >= largest:
        return 0.0
    chances = [0.0]
    for size in np.geomspace(smallest, largest, SIZES):
        losses = int((values <= min(middle, 0.0) - size / 2).sum())
        chances.append(float(bdtr(losses, len(values), min(1.0, tolerance / size))))
    return max(chances)


def smallest_patch_tolerance(n: int, *, largest: float, alpha: float) -> float:
    """Return the smallest tolerance that n queries without any loss show by `patchy_loss_p`."""
    return float(largest * (1 - alpha ** (1 / n)))
