"""Quality against diversity over a sweep: Pareto frontier, hypervolume, diversity at a quality.

Every function takes two arrays of shape (..., T): one point for each of T settings, in order, with
higher better on both axes. Leading axes are resamples, so a bootstrap is a single call.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from sfr_eval.stats.arrays import Floats
from sfr_eval.stats.intervals import BCA_FROM, DRAWS, bca_ends, t_half_factor

MISSED = 0.01  # with a larger share of resamples without a value, there is no interval

Functional = Callable[[Floats, Floats], Floats]
"""Maps (quality, diversity), both (..., T), to a number for each curve; NaN if it is undefined."""


def frontier(quality: Floats, diversity: Floats) -> list[int]:
    """Return the indices of the Pareto-optimal points of one curve, in its order: no other point is
    at least as good on both axes and better on one. Of equal points, all are kept."""
    return [
        i
        for i, (q, d) in enumerate(zip(quality, diversity, strict=True))
        if not np.any((quality >= q) & (diversity >= d) & ((quality > q) | (diversity > d)))
    ]


def hypervolume(quality: Floats, diversity: Floats) -> Floats:
    """Area dominated by the points of the curve, measured from (0, 0).

    The union of the rectangles under the points (Zitzler and Thiele 1999), without interpolation.
    Unit: quality times diversity; higher is better. Coordinates below 0 count as 0.
    """
    order = np.argsort(-quality, axis=-1, kind="stable")
    falling = np.maximum(np.take_along_axis(quality, order, axis=-1), 0)
    best = np.maximum.accumulate(np.take_along_axis(diversity, order, axis=-1), axis=-1)
    # The points so far are those that reach the quality of this step.
    steps = falling.copy()
    steps[..., :-1] -= falling[..., 1:]
    area: Floats = (np.maximum(best, 0) * steps).sum(axis=-1)
    return area


def diversity_at(quality: Floats, diversity: Floats, level: float) -> Floats:
    """Highest diversity of the curve at a quality of at least `level`; NaN if it never reaches it.

    The curve is linear between neighbouring settings, as if one in between had been sampled.
    """
    reached = np.where(quality >= level, diversity, -np.inf).max(axis=-1)
    q, q_next = quality[..., :-1], quality[..., 1:]
    d, d_next = diversity[..., :-1], diversity[..., 1:]
    crosses = (q >= level) != (q_next >= level)
    part = np.divide(level - q, q_next - q, out=np.zeros_like(q), where=crosses)
    between = np.where(crosses, d + part * (d_next - d), -np.inf)
    best = np.maximum(reached, between.max(axis=-1, initial=-np.inf))
    return np.where(np.isfinite(best), best, np.nan)


@dataclass(frozen=True, kw_only=True)
class CurveEstimate:
    """A number that describes a whole curve; `method` says why there is no interval."""

    value: float | None
    low: float | None = None
    high: float | None = None
    method: str
    n: int


def whole_curve(
    quality: Floats,
    diversity: Floats,
    functional: Functional,
    *,
    generator: np.random.Generator,
    draws: int = DRAWS,
) -> CurveEstimate:
    """Estimate a functional of the mean curve, with a 95% interval over queries.

    `quality` and `diversity` have shape (queries, T) without NaN. A resampled query brings all its
    settings and both axes, since they share the queries. Below 50 queries: delete-one jackknife
    with t (n - 1 degrees of freedom); from 50: BCa bootstrap (Efron 1987). Maxima over noisy points
    bias hypervolume and matched diversity slightly upwards, the less so the more queries.
    """
    return _interval(
        lambda weights: functional(weights @ quality, weights @ diversity),
        n=len(quality),
        generator=generator,
        draws=draws,
    )


def curve_difference(
    first: tuple[Floats, Floats],
    second: tuple[Floats, Floats],
    functional: Functional,
    *,
    generator: np.random.Generator,
    draws: int = DRAWS,
) -> CurveEstimate:
    """Estimate functional(second) - functional(first) for (quality, diversity) of two models.

    Row i of all four arrays belongs to the same query, so that what a query does to both models
    cancels. The numbers of settings may differ.
    """
    sizes = {len(values) for pair in (first, second) for values in pair}
    if len(sizes) != 1:
        raise ValueError(f"the curves need the same queries, but have {sorted(sizes)} of them")

    def difference(weights: Floats) -> Floats:
        one, two = (functional(weights @ q, weights @ d) for q, d in (first, second))
        return two - one

    return _interval(difference, n=sizes.pop(), generator=generator, draws=draws)


def _interval(
    statistic: Callable[[Floats], Floats], *, n: int, generator: np.random.Generator, draws: int
) -> CurveEstimate:
    """`statistic` maps weights of the queries, (resamples, n), to a number for each resample."""
    if not n:
        return CurveEstimate(value=None, method="none: no query", n=0)
    value = float(statistic(np.full((1, n), 1 / n))[0])
    if math.isnan(value):
        return CurveEstimate(value=None, method="none: quality not reached", n=n)
    if n == 1:
        return CurveEstimate(value=value, method="none: one query", n=n)
    left_out = statistic((1 - np.eye(n)) / (n - 1))
    if np.isnan(left_out).any():
        why = "none: quality not reached without one of the queries"
        return CurveEstimate(value=value, method=why, n=n)
    if n < BCA_FROM:
        error = math.sqrt((n - 1) / n * float(np.square(left_out - left_out.mean()).sum()))
        half = t_half_factor(n) * error
        return CurveEstimate(
            value=value, low=value - half, high=value + half, method="jackknife t", n=n
        )
    resampled = statistic(generator.multinomial(n, np.full(n, 1 / n), size=draws) / n)
    missed = float(np.isnan(resampled).mean())
    if missed > MISSED:
        why = f"none: quality not reached in {missed:.0%} of the resamples"
        return CurveEstimate(value=value, method=why, n=n)
    low, high = bca_ends(value, resampled[~np.isnan(resampled)], left_out)
    return CurveEstimate(value=value, low=low, high=high, method=f"BCa, {draws} draws", n=n)
