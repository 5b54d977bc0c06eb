"""Every embedding measure of many sets of replies; sets of one size are computed together."""

from collections import deque
from collections.abc import Iterator, Sequence
from typing import Final

import numpy as np
from threadpoolctl import threadpool_limits

from sfr_eval.metrics.checks import unit_rows
from sfr_eval.metrics.classes import MAX_DISTANCE, distinct_k, meaning_classes
from sfr_eval.metrics.vendi import (
    logdet_from_spectrum,
    mean_squared_kernel,
    spectrum,
    vendi_from_spectrum,
)
from sfr_eval.stats.arrays import Floats, Integers
from sfr_eval.stats.jackknife import error_of, left_out, subsets
from sfr_eval.util.workers import Here, Workers

DISTINCT_K: Final = 4
"""Replies in the draw of distinct_k: half the usual 8, so that the estimate averages over draws."""
SET_METRICS: Final = (
    "embed_distance",
    "vendi_q1",
    "vendi_q2",
    "mean_squared_kernel",
    "dpp_logdet",
    "distinct_k",
)
COUNT_STABLE: Final = ("embed_distance", "vendi_q2", "mean_squared_kernel", "distinct_k")
"""Metrics whose expectation hardly depends on the number of replies: from 8 to 256, by at most 7%
of what full collapse does (docs/calibration)."""
_CELLS: Final = 2**23  # numbers in a batch of sets: 64 MB


def set_values(
    embeddings: Floats, sets: Sequence[Integers], *, workers: Workers | None = None
) -> dict[str, Floats]:
    """Return metric -> one number for each set of rows, NaN if undefined (fewer than two rows;
    fewer than DISTINCT_K for distinct_k; vendi_q2 of orthogonal rows). `workers` compute the
    batches, with the same results wherever that is."""
    columns = {metric: np.full(len(sets), np.nan) for metric in SET_METRICS}
    places: deque[Integers] = deque()

    def tables() -> Iterator[Floats]:
        for numbers, table in _batches(embeddings, sets):
            places.append(numbers)
            yield table

    for values in (workers or Here()).map(_solve, tables()):
        numbers = places.popleft()
        for metric, column in values.items():
            columns[metric][numbers] = column
    return columns


def set_errors(
    embeddings: Floats, sets: Sequence[Integers], *, workers: Workers | None = None
) -> dict[str, Floats]:
    """Return, for metrics in COUNT_STABLE, each set's standard error by the delete-d jackknife: how
    much another draw of as many replies to the same prompt would change. NaN below three replies,
    or if the metric is undefined for a subset.

    See `stats.jackknife`. The subsets of all sets are measured together.
    """
    parts: list[Integers] = []
    ends = []
    for rows in sets:
        n = len(rows)
        if n >= 3:
            parts += [rows[np.asarray(subset)] for subset in subsets(n, n - left_out(n))]
        ends.append(len(parts))
    measured = set_values(embeddings, parts, workers=workers)
    columns = {metric: np.full(len(sets), np.nan) for metric in COUNT_STABLE}
    for metric, errors in columns.items():
        for number, values in enumerate(np.split(measured[metric], ends[:-1]) if ends else ()):
            n = len(sets[number])
            if len(values) and not np.isnan(values).any():
                errors[number] = error_of(values, n=n, d=left_out(n))
    return columns


def _solve(table: Floats) -> dict[str, Floats]:
    """Compute every measure of sets of one size; `table` has shape (sets, n, d). On a single
    thread, so that the order of sums is the same wherever this runs."""
    with threadpool_limits(limits=1):
        return _measures(table)


def _measures(table: Floats) -> dict[str, Floats]:
    n = table.shape[1]
    rows = unit_rows(table)
    total = rows.sum(axis=1)
    cosine = (np.einsum("sd,sd->s", total, total) - n) / (n * (n - 1))
    values = spectrum(rows)
    kernel = np.asarray(mean_squared_kernel(rows))
    with np.errstate(divide="ignore"):
        pairs = 1.0 / kernel
    columns = {
        # Rounding may give equal texts 1 + 1e-16, which no cosine can be.
        "embed_distance": 1.0 - np.minimum(cosine, 1.0),
        "vendi_q1": vendi_from_spectrum(values, 1),
        "dpp_logdet": logdet_from_spectrum(values, n),
        "mean_squared_kernel": kernel,
        "vendi_q2": np.where(np.isfinite(pairs), pairs, np.nan),
    }
    if n >= DISTINCT_K:
        columns["distinct_k"] = np.array([classes_in(vectors) for vectors in rows])
    return columns


def classes_in(rows: Floats, *, total: int | None = None) -> float:
    """Return the expected classes among DISTINCT_K of the replies, or of `total`."""
    labels = meaning_classes(rows, max_distance=MAX_DISTANCE)
    number = distinct_k(labels.tolist(), DISTINCT_K, total=total)
    return np.nan if number is None else number


def _batches(embeddings: Floats, sets: Sequence[Integers]) -> Iterator[tuple[Integers, Floats]]:
    """Yield (numbers of sets with two or more rows, these rows of shape (sets, n, d))."""
    sizes = np.array([len(rows) for rows in sets], dtype=np.int64)
    for n in np.unique(sizes[sizes > 1]).tolist():
        numbers = np.flatnonzero(sizes == n)
        step = max(1, _CELLS // (n * max(n, embeddings.shape[1])))
        for begin in range(0, len(numbers), step):
            batch = numbers[begin : begin + step]
            yield batch, embeddings[np.stack([sets[number] for number in batch])]
