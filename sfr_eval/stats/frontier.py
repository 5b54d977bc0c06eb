"""Quality against diversity over a sweep: Pareto frontier, hypervolume, diversity at a quality.

Every function takes two arrays of shape (..., T): one point for each of T settings, in order, with
higher better on both axes. Leading axes are resamples, so a bootstrap is a single call. Intervals
are in `curves`.
"""

from typing import Protocol

import numpy as np
import numpy.typing as npt

from sfr_eval.stats.arrays import Floats

Curves = tuple[Floats, Floats]
"""(quality, diversity), both (..., T)."""


class Functional(Protocol):
    """A number for each curve: the best of what its points offer; NaN if it is undefined."""

    def __call__(
        self, quality: Floats, diversity: Floats, *, chosen_on: Curves | None = None
    ) -> Floats:
        """Both axes have shape (..., T). With `chosen_on`, take what is best on those curves."""


def frontier(quality: Floats, diversity: Floats) -> list[int]:
    """Return the indices of the Pareto-optimal points of one curve, in its order: no other point is
    at least as good on both axes and better on one. Of equal points, all are kept."""
    return [
        i
        for i, (q, d) in enumerate(zip(quality, diversity, strict=True))
        if not np.any((quality >= q) & (diversity >= d) & ((quality > q) | (diversity > d)))
    ]


def hypervolume(quality: Floats, diversity: Floats, *, chosen_on: Curves | None = None) -> Floats:
    """Area dominated by the points of the curve, measured from (0, 0).

    The union of the rectangles under the points (Zitzler and Thiele 1999), without interpolation.
    Unit: quality times diversity; higher is better. Coordinates below 0 count as 0. With
    `chosen_on`, the area under those points of the curve that are the frontier of the other curve,
    in the order in which they are there.
    """
    other_quality, other_diversity = chosen_on or (quality, diversity)
    order = np.argsort(-other_quality, axis=-1, kind="stable")
    best_so_far = np.maximum.accumulate(
        np.take_along_axis(other_diversity, order, axis=-1), axis=-1
    )
    rises = np.diff(best_so_far, axis=-1, prepend=-np.inf) > 0
    # Up to each place, the last point that was more varied than all before it.
    place = np.maximum.accumulate(np.where(rises, np.arange(quality.shape[-1]), 0), axis=-1)
    best = np.take_along_axis(np.take_along_axis(diversity, order, axis=-1), place, axis=-1)
    falling = np.maximum(np.take_along_axis(quality, order, axis=-1), 0)
    # The points so far are those that reach the quality of this step.
    steps = falling.copy()
    steps[..., :-1] -= falling[..., 1:]
    area: Floats = (np.maximum(best, 0) * steps).sum(axis=-1)
    return area


def diversity_at(
    quality: Floats, diversity: Floats, level: float, *, chosen_on: Curves | None = None
) -> Floats:
    """Highest diversity of the curve at a quality of at least `level`; NaN if it never reaches it.

    The curve is linear between neighbouring settings, as if one in between had been sampled. With
    `chosen_on`, the diversity at that setting (or between those two settings) where the other curve
    is most varied at this level, or has its best quality if it does not reach it.
    """
    if chosen_on is None:
        best = np.where(*_reached(quality, diversity, level), -np.inf).max(axis=-1)
        return np.where(np.isfinite(best), best, np.nan)
    _, everywhere = _reached(quality, diversity, level)
    there = np.where(*_reached(*chosen_on, level), -np.inf)
    choice = np.where(
        np.isfinite(there).any(axis=-1), there.argmax(axis=-1), chosen_on[0].argmax(axis=-1)
    )
    return np.take_along_axis(everywhere, choice[..., None], axis=-1)[..., 0]


def _reached(
    quality: Floats, diversity: Floats, level: float
) -> tuple[npt.NDArray[np.bool_], Floats]:
    """Return for each setting, then for each pair of neighbours, whether the level is reached there
    (is crossed between them), and the diversity there."""
    q, q_next = quality[..., :-1], quality[..., 1:]
    d, d_next = diversity[..., :-1], diversity[..., 1:]
    crosses = (q >= level) != (q_next >= level)
    part = np.divide(level - q, q_next - q, out=np.zeros_like(q), where=q_next != q)
    between = d + np.clip(part, 0, 1) * (d_next - d)
    return (
        np.concatenate([quality >= level, crosses], axis=-1),
        np.concatenate([diversity, between], axis=-1),
    )


def diversity_at_part(
    quality: Floats, diversity: Floats, part: float, *, chosen_on: Curves | None = None
) -> Floats:
    """Highest diversity of the curve at a quality of at least `part` of its best quality, so it is
    always defined. Otherwise as `diversity_at`."""
    reached, everywhere = _reached(quality, diversity, part * quality.max(axis=-1, keepdims=True))
    if chosen_on is not None:
        best = part * chosen_on[0].max(axis=-1, keepdims=True)
        reached, there = _reached(*chosen_on, best)
    else:
        there = everywhere
    choice = np.where(reached, there, -np.inf).argmax(axis=-1)
    return np.take_along_axis(everywhere, choice[..., None], axis=-1)[..., 0]
