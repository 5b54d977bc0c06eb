"""Intervals by resampling the independent units (problems, queries), for means that are far from
normal: shares near 0 or 1, few problems, many ties."""

import math
from collections.abc import Sequence
from functools import lru_cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

CONFIDENCE = 0.95
DRAWS = 10_000
MANY = 2_000
"""Units from which the mean is normal for every purpose here, and resampling only costs."""
_SEED = 20_240_817


def bootstrap_interval(
    numbers: Sequence[float], *, ceiling: float = 1.0
) -> tuple[float, float, str]:
    """(low, high, method) of a two-sided 95% interval for the mean of at least two numbers.

    BCa (Efron 1987; DiCiccio & Efron 1996, equation 2.3) with 10,000 draws of units with
    replacement. The draws are fixed for a number of units, so that the intervals of a curve (all k
    of pass@k) are of the same resamples and equal runs have equal intervals.

    Numbers in [0, `ceiling`] are needed only where all are equal and resampling is blind: all 0
    (or all `ceiling`) gives the exact binomial bound on the share of units that are not, times
    `ceiling`, which is at least the mean (Clopper & Pearson 1934): 20 problems without a success
    give [0, 0.17], not [0, 0]. Other equal numbers give zero width.
    """
    import numpy as np
    from scipy.special import ndtr, ndtri

    values = np.asarray(numbers, dtype=np.float64)
    n = len(values)
    if n < 2:
        raise ValueError("bootstrap_interval: needs two or more numbers")
    low_tail = (1 - CONFIDENCE) / 2
    if np.all(values == values[0]):
        unseen = ceiling * (1 - low_tail ** (1 / n))
        if values[0] == 0:
            return 0.0, unseen, "exact"
        if values[0] == ceiling:
            return ceiling - unseen, ceiling, "exact"
        return float(values[0]), float(values[0]), "constant"
    mean = math.fsum(numbers) / n
    if n > MANY:
        half = float(ndtri(1 - low_tail)) * float(values.std(ddof=1)) / math.sqrt(n)
        return mean - half, mean + half, "normal"
    means = _draws(n) @ values / n
    off = values - mean
    acceleration = float((off**3).sum() / (6 * (off**2).sum() ** 1.5))
    # Ties count half: with few problems many resamples have exactly the mean.
    below = float((means < mean - 1e-12).mean() + 0.5 * (abs(means - mean) <= 1e-12).mean())
    bias = float(ndtri(min(max(below, 1 / DRAWS), 1 - 1 / DRAWS)))

    def adjusted(tail: float) -> float:
        z = bias + float(ndtri(tail))
        return float(ndtr(bias + z / (1 - acceleration * z)))

    levels = [adjusted(low_tail), adjusted(1 - low_tail)]
    low, high = np.quantile(means, levels)
    return float(low), float(high), "bootstrap"


@lru_cache(maxsize=4)
def _draws(n: int) -> "npt.NDArray[np.float64]":
    """How often each of n units is in each of the draws, shape (DRAWS, n)."""
    import numpy as np

    generator = np.random.default_rng([_SEED, n])
    return generator.multinomial(n, np.full(n, 1 / n), size=DRAWS).astype(np.float64)
