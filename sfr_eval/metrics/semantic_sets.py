"""Every embedding measure of many sets of replies; sets of one size are solved together."""

from collections.abc import Iterator, Sequence
from typing import Final

import numpy as np
import numpy.typing as npt

from sfr_eval.metrics.checks import unit_rows
from sfr_eval.metrics.classes import MAX_DISTANCE, distinct_k, meaning_classes
from sfr_eval.metrics.vendi import (
    logdet_from_spectrum,
    mean_squared_kernel,
    spectrum,
    vendi_from_spectrum,
)

Floats = npt.NDArray[np.float64]
Rows = npt.NDArray[np.intp]

DISTINCT_K: Final = 4
"""Replies in the draw of distinct_k: half of the usual 8, so that the estimate averages draws."""
SET_METRICS: Final = (
    "embed_distance",
    "vendi_q1",
    "vendi_q2",
    "mean_squared_kernel",
    "dpp_logdet",
    "distinct_k",
)
_CELLS: Final = 2**23  # numbers in a batch of sets: 64 MB


def set_values(embeddings: npt.NDArray[np.floating], sets: Sequence[Rows]) -> dict[str, Floats]:
    """Metric -> one number for each set of rows, NaN where undefined (fewer than two rows; fewer
    than DISTINCT_K for distinct_k; vendi_q2 where no two rows have anything in common)."""
    found = {metric: np.full(len(sets), np.nan) for metric in SET_METRICS}
    for numbers, table in _batches(embeddings, sets):
        n = table.shape[1]
        rows = unit_rows(table)
        total = rows.sum(axis=1)
        cosine = (np.einsum("sd,sd->s", total, total) - n) / (n * (n - 1))
        # Equal texts may come out at 1 + 1e-16; a cosine cannot.
        found["embed_distance"][numbers] = 1.0 - np.minimum(cosine, 1.0)
        values = spectrum(rows)
        found["vendi_q1"][numbers] = vendi_from_spectrum(values, 1)
        found["dpp_logdet"][numbers] = logdet_from_spectrum(values, n)
        kernel = mean_squared_kernel(rows)
        found["mean_squared_kernel"][numbers] = kernel
        with np.errstate(divide="ignore"):
            pairs = 1.0 / np.asarray(kernel)
        found["vendi_q2"][numbers] = np.where(np.isfinite(pairs), pairs, np.nan)
        if n >= DISTINCT_K:
            found["distinct_k"][numbers] = [classes_in(own) for own in rows]
    return found


def classes_in(rows: Floats, *, of: int | None = None) -> float:
    """Expected classes among DISTINCT_K of the replies; `of` counts those without a class too."""
    labels = meaning_classes(rows, max_distance=MAX_DISTANCE)
    number = distinct_k(labels.tolist(), DISTINCT_K, of=of)
    return np.nan if number is None else number


def _batches(
    embeddings: npt.NDArray[np.floating], sets: Sequence[Rows]
) -> Iterator[tuple[Rows, npt.NDArray[np.floating]]]:
    """(numbers of the sets, their rows of shape (sets, n, d)) for sets of two rows and more."""
    sizes = np.array([len(rows) for rows in sets], dtype=np.int64)
    for n in np.unique(sizes[sizes > 1]).tolist():
        numbers = np.flatnonzero(sizes == n)
        step = max(1, _CELLS // (n * max(n, embeddings.shape[1])))
        for begin in range(0, len(numbers), step):
            some = numbers[begin : begin + step]
            yield some, embeddings[np.stack([sets[number] for number in some])]
