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
"""Cosine distances below this are rounding, of equal rows in float64 or of rows that differ in the
last digits of float32, and count as 0."""


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
    if others is not None and others < 1:
        raise ValueError(f"others = {others}; compare with at least one")
    rest = rows.shape[-2] - 1
    if rest < (others or 1):
        return None
    means = expected_nearest(neighbours(rows), others or rest)
    return float(means) if means.ndim == 0 else means


def neighbours(rows: Floats) -> Floats:
    """Return each row's distances to the others in order, shape (..., n, n - 1), of unit rows."""
    distances = 1.0 - rows @ np.swapaxes(rows, -1, -2)
    distances[distances < ROUNDING] = 0.0
    itself = np.arange(rows.shape[-2])
    distances[..., itself, itself] = np.inf  # the last in order
    return np.sort(distances, axis=-1)[..., :-1]


def expected_nearest(distances: Floats, others: int) -> Floats:
    """Return `chamfer` of sets, shape (...), given their `neighbours`."""
    rest = distances.shape[-1]
    ranks = range(1, rest + 1)
    weights = [math.comb(rest - r, others - 1) / math.comb(rest, others) for r in ranks]
    return np.asarray((distances @ np.array(weights)).mean(axis=-1))
