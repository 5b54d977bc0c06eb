"""95% intervals for means of numbers that lie between two known bounds: shares, probabilities.

Near a bound a t interval is too short and leaves the range; if all numbers are equal, it has no
width at all. The interval here is the score interval of a share (Wilson 1927) for an effective
number of replies, as is usual for clustered surveys (Korn & Graubard 1998): as many independent
yes-or-no outcomes as would give the mean its standard error. Measured coverage is in
docs/design/statistics.md; the constants were chosen by the simulation described there.
"""

from collections.abc import Sequence

import numpy as np

from sfr_eval.stats.arrays import Floats
from sfr_eval.stats.intervals import CONFIDENCE

PRIOR, FAR_PRIOR = 0.05, 0.1
"""Weights of a number that is all or nothing, added to the spread of the others: a little, but
equal numbers do not show that there is no spread. The second is for the end away from the nearer
bound."""
RARE = 0.05
"""One-sided level of the bound for shares close to 0 or 1, as in the modified interval of Brown,
Cai and DasGupta (2001, section 4.1.1)."""
METHOD = "Wilson, effective n"
_TINY = 1e-15


def bounded_interval(
    numbers: Sequence[float], *, low: float = 0.0, high: float = 1.0
) -> tuple[float, float, str]:
    """Return (low, high, method) of a two-sided 95% interval for the mean of two or more
    independent numbers from `low` to `high`. The ends are in that range and hold the mean. So 20
    shares of 0 give [0, 0.17].

    Raises ValueError for fewer numbers, or if one is out of the range.
    """
    if len(numbers) < 2:
        raise ValueError("bounded_interval: needs two or more numbers")
    shares = (np.asarray(numbers, dtype=np.float64) - low) / (high - low)
    slack = 1e-9  # sums in another order differ in last digits
    if shares.min() < -slack or shares.max() > 1 + slack:
        raise ValueError(f"{min(numbers):g} to {max(numbers):g} is not within {low:g} to {high:g}")
    shares = np.clip(np.round(shares, 12), 0, 1)
    ends = [low + float(end) * (high - low) for end in share_ends(shares)]
    return ends[0], ends[1], "exact" if shares.max() == 0 or shares.min() == 1 else METHOD


def share_ends(shares: Floats) -> tuple[Floats, Floats]:
    """Return the ends of the interval for the mean over the last axis, of numbers from 0 to 1.

    The spread is not known, and is estimated too low just where rare numbers far from the others
    are missing by chance. This matters for the end that lies towards them, away from the nearer
    bound: there the degrees of freedom are those of `_degrees`; for the other end they are n - 1.
    The score interval misses shares very close to a bound, so the end on that side is at least the
    exact one-sided bound of level `RARE`.
    """
    from scipy.special import betaincinv

    mean = shares.mean(axis=-1)
    turned = mean < 0.5  # all is done for the share that is nearer to 1
    share = np.where(turned, 1 - mean, mean)
    n = shares.shape[-1]
    part = _part_of_most(share, shares.var(axis=-1, ddof=1))
    far = _score_end(share, n / _widened(part, _degrees(shares), prior=FAR_PRIOR), side=-1)
    near = _score_end(share, n / _widened(part, np.full_like(part, n - 1)), side=1)
    size = n / _with_prior(part, np.full_like(part, n - 1))
    events = np.maximum((1 - share) * size, 1e-9)
    rare = 1 - betaincinv(events, size - events + 1, RARE)
    # All on a bound: the exact bound on the share of numbers that are not (Clopper & Pearson 1934).
    far = np.where(share >= 1, ((1 - CONFIDENCE) / 2) ** (1 / n), np.clip(far, 0, share))
    near = np.where(share >= 1, 1.0, np.clip(np.maximum(near, rare), share, 1))
    return np.where(turned, 1 - near, far), np.where(turned, 1 - far, near)


def effective_n(mean: float, standard_error: float, n: int) -> float:
    """Return how many independent yes-or-no outcomes would give the mean of n numbers from 0 to 1
    its standard error, with what a t quantile adds to a normal one taken off.

    At least n, since nothing spreads more than outcomes of 0 and 1; n if all numbers are equal,
    when nothing is known of the replies behind them; and at most about 20 n^2, since numbers that
    are nearly equal prove little.
    """
    if standard_error == 0:
        return float(n)
    part = _part_of_most(np.array(mean), np.array(standard_error**2 * n))
    return float(n / _widened(part, np.array(n - 1.0)))


def _score_end(share: Floats, n: Floats, *, side: int) -> Floats:
    """Return one end of the interval of Wilson (1927) for a share of n."""
    from scipy.special import ndtri

    z2 = float(ndtri((1 + CONFIDENCE) / 2)) ** 2
    half = np.sqrt(z2 * (share * (1 - share) + z2 / (4 * n)) / n)
    end: Floats = (share + z2 / (2 * n) + side * half) / (1 + z2 / n)
    return end


def _part_of_most(mean: Floats, variance: Floats) -> Floats:
    """Return the variance of a number as a part of the largest possible, mean * (1 - mean), which
    outcomes of 0 and 1 have; 1 if the mean is on a bound, where it is not known."""
    most = mean * (1 - mean)
    part = np.divide(variance, most, out=np.ones_like(most), where=most > _TINY)
    return np.asarray(np.minimum(part, 1))


def _with_prior(part: Floats, freedom: Floats, *, prior: float = PRIOR) -> Floats:
    """Return the part after a number that is all or nothing has been added to the others."""
    pooled: Floats = (freedom * part + prior) / (freedom + prior)
    return pooled


def _widened(part: Floats, freedom: Floats, *, prior: float = PRIOR) -> Floats:
    """Return the part, larger as t quantiles are larger than normal ones."""
    from scipy.special import ndtri, stdtrit

    level = (1 + CONFIDENCE) / 2
    wider = (stdtrit(freedom + prior, level) / ndtri(level)) ** 2
    return np.asarray(np.minimum(_with_prior(part, freedom, prior=prior) * wider, 1))


def _degrees(numbers: Floats) -> Floats:
    """Return the degrees of freedom of a variance over the last axis: those of the chi-squared law
    with the same relative variance, 2 n / (kurtosis - 1), from 1 to n - 1. One number apart from
    all others says little about the spread, however many they are."""
    n = numbers.shape[-1]
    off = numbers - numbers.mean(axis=-1, keepdims=True)
    squares = off * off
    second, fourth = squares.mean(axis=-1), (squares * squares).mean(axis=-1)
    kurtosis = np.divide(fourth, second**2, out=np.full_like(second, n), where=second > _TINY)
    return np.asarray(np.clip(2 * n / np.maximum(kurtosis - 1, 1e-9), 1, n - 1))
