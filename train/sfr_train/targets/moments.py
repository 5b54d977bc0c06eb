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


def moments(parts: Iterable[tuple[Floats, Doubles]]) -> Moments:
    """Return the moments of rows (n, D), each counted `counts` (n,) times, part by part.

    One pass: products are taken about the mean of the first part and corrected at the end, so that
    a mean far from 0 costs no digits.
    """
    total = 0.0
    shift = first = second = np.zeros(0)
    for stored, counts in parts:
        rows = np.asarray(stored, dtype=np.float32)
        if total == 0:
            shift = counts @ rows / max(counts.sum(), 1)
            first, second = np.zeros(len(shift)), np.zeros((len(shift), len(shift)))
        rows = rows - shift.astype(np.float32)
        weighted = rows * counts[:, None].astype(np.float32)
        first += weighted.sum(axis=0, dtype=np.float64)
        second += rows.T @ weighted
        total += float(counts.sum())
    # The products are about the rounded shift.
    shift = shift.astype(np.float32).astype(np.float64)
    offset = first / total
    covariance = second / total - np.outer(offset, offset)
    # Without a floor, a coordinate that hardly varies would be inflated to deviation 1.
    deviation = np.sqrt(covariance.diagonal().clip(min=0)).clip(min=1e-3 * len(shift) ** -0.5)
    return Moments(shift + offset, deviation, covariance)
