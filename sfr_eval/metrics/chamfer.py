"""How near a reply comes to its nearest neighbour among the other replies to the same prompt.

The mean distance of all pairs hides near-copies: of eight replies in four pairs of copies, 24 of 28
pairs still differ. The nearest neighbour shows them (Chamfer distance; Shaib et al. 2403.00553).
"""

import math

import numpy as np
import numpy.typing as npt

from sfr_eval.metrics.checks import unit_rows
from sfr_eval.stats.arrays import Floats

ROUNDING = 1e-12
"""Distances and spreads below this are those of equal rows in float64, hence exactly 0. The nearest
different float32 embeddings are 1e-8 apart or more."""


def chamfer(embeddings: npt.ArrayLike, *, others: int | None = None) -> float | Floats | None:
    """Mean cosine distance of a reply to the nearest of the others, or of `others` others.

    `embeddings` has shape (n, d), or (..., n, d) for many sets of one size; rows are scaled to unit
    length. Range 0 (every reply has a copy) to 2; higher is more varied. Falls with n, since among
    more replies the nearest is nearer. With `others` = m it is the expected distance to the nearest
    of m others drawn without replacement, sum_r d_(r) C(N - r, m - 1) / C(N, m) over the N = n - 1
    others in order of distance, d_(1) <= d_(2) <= ...; that is unbiased for m + 1 replies at every
    n > m. None if n < 2 or n <= m. Raises ValueError for m < 1 and for a row that is not finite.
    """
    rows = unit_rows(embeddings)
    rest = rows.shape[-2] - 1
    m = rest if others is None else others
    if others is not None and others < 1:
        raise ValueError(f"others = {others}; compare with at least one")
    if rest < max(1, m):
        return None
    distances = 1.0 - rows @ np.swapaxes(rows, -1, -2)
    distances = np.where(distances < ROUNDING, 0.0, distances)
    itself = np.arange(rest + 1)
    distances[..., itself, itself] = np.inf  # the last in order, where it has no weight
    nearest = np.sort(distances, axis=-1)[..., :-1]
    ranks = range(1, rest + 1)
    weights = np.array([math.comb(rest - r, m - 1) / math.comb(rest, m) for r in ranks])
    means = (nearest @ weights).mean(axis=-1)
    return float(means) if means.ndim == 0 else np.asarray(means)
