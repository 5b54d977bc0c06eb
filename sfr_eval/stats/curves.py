"""Numbers that describe a whole curve of quality against diversity, with intervals over queries."""

import math
from dataclasses import dataclass

import numpy as np

from sfr_eval.stats.arrays import Floats
from sfr_eval.stats.frontier import Curves, Functional
from sfr_eval.stats.intervals import BCA_FROM, DRAWS, bca_ends, t_half_factor

HALVINGS = 10
FLAT, CURVED = 0.5**0.5, 0.5
"""Parts of the optimism at half the queries that are left at all of them."""


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
) -> CurveEstimate:
    """Estimate a functional of the mean curve, with a 95% interval over queries.

    `quality` and `diversity` have shape (queries, T) without NaN. The best of noisy points looks
    too good. How much is measured: the queries are halved at random, ten times, and what is best on
    one half is compared on that half with what is best on the other. Of this optimism, a flat curve
    has 1 / sqrt 2 left at all queries and a curved one 1 / 2. The value has the mean of both taken
    off, its ends one each. Their distance is from a delete-one jackknife with t (n - 1 degrees of
    freedom). Where a part of the queries does not reach the level of quality that the functional
    asks for, its best quality stands for it.
    """

    n = len(quality)
    if n == 0:
        return CurveEstimate(value=None, method="none: no query", n=0)
    value = float(functional(quality.mean(axis=0), diversity.mean(axis=0)))
    if math.isnan(value):
        return CurveEstimate(value=None, method="none: quality not reached", n=n)
    if n == 1:
        return CurveEstimate(value=value, method="none: one query", n=n)
    half = t_half_factor(n) * _jackknife_error(_left_out((quality, diversity), functional))
    optimism = _optimism((quality, diversity), functional, generator)
    return CurveEstimate(
        value=value - (FLAT + CURVED) / 2 * optimism,
        low=value - FLAT * optimism - half,
        high=value - CURVED * optimism + half,
        method="jackknife t, less optimism",
        n=n,
    )


def curve_difference(
    first: Curves,
    second: Curves,
    functional: Functional,
    *,
    generator: np.random.Generator,
    draws: int = DRAWS,
) -> CurveEstimate:
    """Estimate functional(second) - functional(first) for (quality, diversity) of two models.

    Row i of all four arrays belongs to the same query, so that what a query does to both models
    cancels. Both need the same settings: the best of more settings is better, whatever the model.
    Optimism is alike on both sides and cancels. Below 50 queries: delete-one jackknife with t; from
    50: BCa bootstrap (Efron 1987). Resamples that do not reach a level of quality are treated as in
    `whole_curve`.
    """
    shapes = {values.shape for pair in (first, second) for values in pair}
    if len(shapes) != 1:
        raise ValueError(f"the curves need the same queries and settings, but have {shapes}")

    n = len(first[0])
    if n == 0:
        return CurveEstimate(value=None, method="none: no query", n=0)
    ends = [float(functional(q.mean(axis=0), d.mean(axis=0))) for q, d in (first, second)]
    value = ends[1] - ends[0]
    if math.isnan(value):
        return CurveEstimate(value=None, method="none: quality not reached", n=n)
    if n == 1:
        return CurveEstimate(value=value, method="none: one query", n=n)
    left_out = _left_out(second, functional) - _left_out(first, functional)
    if n < BCA_FROM:
        half = t_half_factor(n) * _jackknife_error(left_out)
        return CurveEstimate(
            value=value, low=value - half, high=value + half, method="jackknife t", n=n
        )
    weights = generator.multinomial(n, np.full(n, 1 / n), size=draws) / n
    one, two = (_value(functional, (weights @ q, weights @ d)) for q, d in (first, second))
    low, high = bca_ends(value, two - one, left_out)
    return CurveEstimate(value=value, low=low, high=high, method=f"BCa, {draws} draws", n=n)


def _value(functional: Functional, curves: Curves) -> Floats:
    """Return the functional of each curve; where it is undefined, the diversity at the best
    quality, which is as near to the level as the curve gets."""
    values = functional(*curves)
    quality, diversity = curves
    best = quality.argmax(axis=-1)[..., None]
    nearest = np.take_along_axis(diversity, best, axis=-1)[..., 0]
    return np.where(np.isnan(values), nearest, values)


def _left_out(curves: Curves, functional: Functional) -> Floats:
    """Return the functional of the mean curve without each query."""
    quality, diversity = ((values.sum(axis=0) - values) / (len(values) - 1) for values in curves)
    return _value(functional, (quality, diversity))


def _jackknife_error(left_out: Floats) -> float:
    n = len(left_out)
    return math.sqrt((n - 1) / n * float(np.square(left_out - left_out.mean()).sum()))


def _optimism(curves: Curves, functional: Functional, generator: np.random.Generator) -> float:
    """Return by how much what is best on half of the queries is better there than what is best on
    the other half: the mean over random halvings, at least 0."""
    n = len(curves[0])
    order = np.argsort(generator.random((HALVINGS, n)), axis=1)
    first = (np.argsort(order, axis=1) < n // 2).astype(np.float64)
    halves = np.stack([first, 1 - first])
    halves /= halves.sum(axis=-1, keepdims=True)
    quality, diversity = (halves @ values for values in curves)
    own = _value(functional, (quality, diversity))
    chosen = functional(quality, diversity, chosen_on=(quality[::-1], diversity[::-1]))
    return max(0.0, float((own - chosen).mean()))
