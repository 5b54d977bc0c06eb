"""95% intervals for a mean of independent numbers, and for any statistic of independent units.

A t interval below 50 units; BCa from 50, by resampling up to 2,000 units and by expansion above.
Paired differences have a t interval at any number.
Measured coverage of a nominal 95% at 10, 20 and 40 units: t .954, .943, .950; percentile bootstrap
.903, .916, .936. Units (queries) are resampled, never the texts of a set, since copies would count
as repetition.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import numpy.typing as npt

from sfr_eval.stats.arrays import Floats

CONFIDENCE = 0.95
BCA_FROM = 50
EXPANDED_FROM = 2_001
"""From so many units, BCa is computed by expansion: resampling takes .25 seconds a mean at 15,625
units, and its noise exceeds what the expansion leaves out."""
DRAWS = 2_000
SEED = 0


@dataclass(frozen=True)
class Interval:
    """A value with its two-sided 95% interval; both ends are None if there is none."""

    value: float
    low: float | None
    high: float | None
    method: str


def mean_interval(numbers: Sequence[float]) -> Interval:
    """Mean of one or more independent numbers, with the interval chosen as this module describes.

    Equal numbers give zero width, one number gives no interval. Not clipped to any range.
    """
    n = len(numbers)
    if n == 0:
        raise ValueError("no number to average")
    if n == 1:
        return Interval(float(numbers[0]), None, None, "none: one query")
    mean, low, high = t_interval(numbers)
    if n < BCA_FROM or min(numbers) == max(numbers):
        return Interval(mean, low, high, "t")
    return Interval(mean, *bca_mean(numbers, draws=DRAWS))


def difference_interval(differences: Sequence[float]) -> Interval:
    """Mean of one or more paired differences, with a t interval at any number of them.

    Where nothing differs they are symmetric about 0, often with long tails. Then t is right, while
    BCa takes the tails for skewness: of 1,000 means of 60 differences of two lognormal numbers
    (sigma 1.2) t misses 0 in 5 %, BCa in 14 %.
    """
    if len(differences) < 2:
        return mean_interval(differences)
    return Interval(*t_interval(differences), "t")


def bca_mean(numbers: Sequence[float], *, draws: int) -> tuple[float, float, str]:
    """Return (low, high, method): BCa for the mean of two or more numbers, not all equal."""
    n = len(numbers)
    if n >= EXPANDED_FROM:
        return *expanded_bca(numbers), "BCa, expanded"
    mean = math.fsum(numbers) / n
    values = np.asarray(numbers, dtype=np.float64)
    left_out = (mean * n - values) / (n - 1)
    low, high = bca_ends(mean, bootstrap_means(values, draws=draws), left_out)
    return low, high, f"BCa, {draws} draws"


def t_interval(numbers: Sequence[float]) -> tuple[float, float, float]:
    """Return (mean, low, high) of two or more independent numbers. Equal ones give zero width."""
    n = len(numbers)
    mean = math.fsum(numbers) / n
    half = t_half_factor(n) * standard_error(numbers)
    return mean, mean - half, mean + half


def standard_error(numbers: Sequence[float]) -> float:
    """Standard error of the mean of two or more independent numbers."""
    n = len(numbers)
    mean = math.fsum(numbers) / n
    return math.sqrt(math.fsum((number - mean) ** 2 for number in numbers) / (n - 1) / n)


def t_half_factor(n: int) -> float:
    """Half the width of a 95% interval for a mean of n numbers, in standard errors."""
    from scipy.special import stdtrit

    return float(stdtrit(n - 1, (1 + CONFIDENCE) / 2))


def bca_ends(value: float, draws: npt.ArrayLike, left_out: npt.ArrayLike) -> tuple[float, float]:
    """Return the ends of the bias-corrected and accelerated bootstrap interval (Efron 1987).

    `value` is the statistic of all units, `draws` that of each resample, `left_out` that of all
    units but one, for each of them. Draws equal to the value count half, which matters with few
    units and many ties. If all draws lie on one side of the value, half a draw is assumed on the
    other. The acceleration is equation 6.6 of DiCiccio and Efron 1996.
    """
    from scipy.special import ndtr, ndtri

    ordered = np.sort(np.asarray(draws, dtype=np.float64))
    # Sums in another order differ in the last digits; they are ties nonetheless.
    tied = np.abs(ordered - value) <= 1e-9 * (ordered[-1] - ordered[0])
    below = (np.sum((ordered < value) & ~tied) + 0.5 * np.sum(tied)) / len(ordered)
    edge = 0.5 / len(ordered)
    bias = float(ndtri(np.clip(below, edge, 1 - edge)))
    jackknife = np.asarray(left_out, dtype=np.float64)
    lean = jackknife.mean() - jackknife
    spread = float(np.square(lean).sum())
    acceleration = float((lean**3).sum()) / (6 * spread**1.5) if spread > 0 else 0.0
    tail = float(ndtri((1 - CONFIDENCE) / 2))
    shares = [
        float(ndtr(bias + (bias + z) / (1 - acceleration * (bias + z)))) for z in (tail, -tail)
    ]
    low, high = np.quantile(ordered, shares)
    return float(low), float(high)


def expanded_bca(numbers: Sequence[float]) -> tuple[float, float]:
    """Return the limit of `bca_ends` for a mean as the number of draws grows, without drawing.

    With g the skewness of the numbers, bias and acceleration are both g / (6 sqrt n), and the
    quantiles of the resampled means follow Cornish and Fisher (Hall 1992, sections 2.5 and 3.10).
    The error is O(1 / n) of the width.
    """
    from scipy.special import ndtri

    values = np.asarray(numbers, dtype=np.float64)
    mean = math.fsum(numbers) / len(values)
    off = values - mean
    spread = math.sqrt(float(np.square(off).mean()))
    lean = float((off**3).mean()) / spread**3 / (6 * math.sqrt(len(values)))
    tail = float(ndtri((1 - CONFIDENCE) / 2))
    ends = []
    for z in (tail, -tail):
        level = lean + (lean + z) / (1 - lean * (lean + z))
        ends.append(mean + spread / math.sqrt(len(values)) * (level + lean * (level**2 - 1)))
    return ends[0], ends[1]


def bootstrap_means(values: Floats, *, draws: int = DRAWS, seed: int = SEED) -> Floats:
    """Return the means of `draws` resamples with replacement. The resamples depend on the number of
    values alone, so different metrics over the same units share them."""
    return np.asarray(_weights(len(values), draws, seed) @ values)


@lru_cache(maxsize=4)
def _weights(n: int, draws: int, seed: int) -> Floats:
    """Return the share of each unit in each resample, shape (draws, n)."""
    random = np.random.default_rng(seed)
    return random.multinomial(n, np.full(n, 1 / n), size=draws) / n
