"""Every embedding measure of many sets of replies; sets of one size are computed together."""

import math
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Final

import numpy as np
from threadpoolctl import threadpool_limits

from sfr_eval.metrics.chamfer import ROUNDING, expected_nearest, neighbours
from sfr_eval.metrics.checks import unit_rows
from sfr_eval.metrics.equivalence import DRAW
from sfr_eval.metrics.vendi import (
    logdet_from_spectrum,
    mean_squared_kernel,
    spectrum,
    vendi_from_spectrum,
)
from sfr_eval.stats.arrays import Floats, Integers
from sfr_eval.stats.jackknife import error_of, left_out, subsets
from sfr_eval.util.workers import Here, Workers

SET_METRICS: Final = (
    "embed_distance",
    "chamfer",
    "chamfer_fixed",
    "vendi_q1",
    "vendi_q2",
    "mean_squared_kernel",
    "dpp_logdet",
)
COUNT_STABLE: Final = (
    "embed_distance",
    "chamfer_fixed",
    "vendi_q2",
    "mean_squared_kernel",
    "distinct_k",
)
"""Metrics whose expectation hardly depends on the number of replies: vendi_q2 from 16 on, the
others at every number."""
_CELLS: Final = 2**23  # numbers in a batch of sets: 64 MB


def set_values(
    embeddings: Floats, sets: Sequence[Integers], *, workers: Workers | None = None
) -> dict[str, Floats]:
    """Return metric -> one number for each set of rows, NaN if undefined (fewer than two rows;
    fewer than DRAW for chamfer_fixed; vendi_q2 of orthogonal rows). `workers` compute the
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
    sets: Sequence[Integers], measure: Callable[[Sequence[Integers]], Mapping[str, Floats]]
) -> dict[str, Floats]:
    """Return, for metrics in COUNT_STABLE, each set's standard error by the delete-d jackknife: how
    much another draw of as many replies to the same prompt would change. NaN below three replies,
    or if the metric is undefined for a subset.

    `measure` returns metric -> one number for each set of rows. See `stats.jackknife`. The subsets
    of all sets are measured together.
    """
    parts: list[Integers] = []
    ends = []
    for rows in sets:
        n = len(rows)
        if n >= 3:
            parts += [rows[np.asarray(subset)] for subset in subsets(n, n - left_out(n))]
        ends.append(len(parts))
    measured = measure(parts)
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
    distance = 1.0 - (np.einsum("sd,sd->s", total, total) - n) / (n * (n - 1))
    copies = distance < ROUNDING
    nearest, values = neighbours(rows), spectrum(rows)
    kernel = np.where(copies, 1.0, mean_squared_kernel(rows))
    with np.errstate(divide="ignore"):
        pairs = 1.0 / kernel
    columns = {
        # Copies get the extreme values exactly, not up to rounding.
        "embed_distance": np.where(copies, 0.0, distance),
        "chamfer": expected_nearest(nearest, n - 1),
        "vendi_q1": np.where(copies, 1.0, vendi_from_spectrum(values, 1)),
        "dpp_logdet": np.where(copies, math.log1p(n), logdet_from_spectrum(values, n)),
        "mean_squared_kernel": kernel,
        "vendi_q2": np.where(np.isfinite(pairs), pairs, np.nan),
    }
    if n >= DRAW:
        columns["chamfer_fixed"] = expected_nearest(nearest, DRAW - 1)
    return columns


def _batches(embeddings: Floats, sets: Sequence[Integers]) -> Iterator[tuple[Integers, Floats]]:
    """Yield (numbers of sets with two or more rows, these rows of shape (sets, n, d))."""
    sizes = np.array([len(rows) for rows in sets], dtype=np.int64)
    for n in np.unique(sizes[sizes > 1]).tolist():
        numbers = np.flatnonzero(sizes == n)
        step = max(1, _CELLS // (n * max(n, embeddings.shape[1])))
        for begin in range(0, len(numbers), step):
            batch = numbers[begin : begin + step]
            yield batch, embeddings[np.stack([sets[number] for number in batch])]
