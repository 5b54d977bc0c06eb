"""Mean, deviation and covariance of the targets, over the supervised states."""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float32]
Doubles = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Moments:
    """mean (D,), deviation (D,) and centred covariance (D, D) of stored rows, before `scale`. Each
    state counts once, whatever its weight."""

    mean: Doubles
    deviation: Doubles
    covariance: Doubles


def moments(parts: Iterable[tuple[Floats, Doubles]], *, every: int = 1) -> Moments:
    """Return the moments of rows (n, D), each counted `counts` (n,) times, part by part.

    One pass: products are taken about the mean of the first part and corrected at the end, so that
    a mean far from 0 costs no digits. With `every` N the correlations are those of each N-th row;
    mean and deviation are always those of all rows.
    """
    total = sampled = 0.0
    shift = first = squares = sampled_first = products = np.zeros(0)
    for stored, counts in parts:
        rows = np.asarray(stored, dtype=np.float32)
        if total == 0:
            shift = (counts @ rows / max(counts.sum(), 1)).astype(np.float32).astype(np.float64)
            first, squares, sampled_first = np.zeros((3, len(shift)))
            products = np.zeros((len(shift), len(shift)))
        rows = rows - shift.astype(np.float32)
        weights = counts.astype(np.float32)
        first += weights @ rows
        squares += weights @ (rows * rows)
        total += float(counts.sum())
        rows, weights = rows[::every], weights[::every]
        sampled_first += weights @ rows
        products += rows.T @ (rows * weights[:, None])
        sampled += float(counts[::every].sum())
    offset, sampled_offset = first / total, sampled_first / sampled
    variance = (squares / total - offset**2).clip(min=0)
    covariance = products / sampled - np.outer(sampled_offset, sampled_offset)
    with np.errstate(invalid="ignore", divide="ignore"):
        factor = np.nan_to_num(np.sqrt(variance / covariance.diagonal()), nan=0.0, posinf=0.0)
    covariance *= np.outer(factor, factor)
    # Without a floor, a coordinate that hardly varies would be inflated to deviation 1.
    deviation = np.sqrt(variance).clip(min=1e-3 * len(shift) ** -0.5)
    return Moments(shift + offset, deviation, covariance)
