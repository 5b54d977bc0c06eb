"""One decision about a family of paired differences: step-down max-t with shared sign flips.

When nothing differs between two runs, each query's differences, of all metrics together, are as
likely to have the opposite signs. Flipping the signs query by query, for the whole family at once,
keeps how the metrics go together. So the correction costs little where they do (Westfall and Young
1993, algorithm 2.8; each row is scaled by its own t, as in Romano and Wolf 2005).
"""

import math
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from itertools import product

import numpy as np

from sfr_eval.stats.arrays import Floats
from sfr_eval.stats.permutation import EXACT, FLIPS, MANY, SEED

_BLOCK = 2**22  # signs in memory at a time

Differences = Mapping[Hashable, float]
"""Query -> difference. Rows that share a query share its flips."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Simultaneous:
    """What the family says of one row. The interval leaves out 0 exactly if the row is called."""

    called: bool
    p_value: float  # of this row alone
    p_adjusted: float  # for the whole family
    low: float
    high: float
    level: float  # the row's interval is a t interval at 1 - level


def fewest_units(alpha: float) -> int:
    """Return the fewest queries with which anything can be called at level `alpha`.

    The smallest p of n queries is 2^(1 - n), for any number of rows, since the observed signs are
    the extreme of every row at once.
    """
    return math.ceil(1 - math.log2(alpha) - 1e-12)


def step_down(
    rows: Sequence[Differences], *, alphas: Sequence[float], flips: int = FLIPS, seed: int = SEED
) -> list[Simultaneous]:
    """Decide about every row of a family, each with two or more differences.

    `alphas` are the levels of the rows. The chance that any row without a true difference is called
    is at most the largest of them, exactly so for runs of one model (up to the steps of p, which
    are 2^(1 - n)). Up to 13 queries that differ all sign patterns are tried; above that, `flips`
    random ones and the observed one; above 2,000, the normal limit of these sums.

    The interval of a row is a t interval at the level at which the row was tested in its step, so
    that interval and call cannot disagree. For the first row that is not called, and all after it,
    the intervals hold together in 1 - alpha of cases. Where all differences of a row are equal, its
    interval has no width, except that it includes 0 if the row was not called.
    """
    if not rows:
        return []
    if any(len(row) < 2 for row in rows):
        raise ValueError("step_down: every row needs two or more differences")
    table, counts = _table(rows)
    observed = _tails(table.sum(axis=1)[None], table, counts)[0]
    drawn = _drawn(table, counts, flips=flips, seed=seed)
    order = np.argsort(observed, kind="stable")
    # The smallest tail among a row and all that come after it, in each draw.
    smallest = np.minimum.accumulate(drawn[:, order[::-1]], axis=1)[:, ::-1]
    outcomes: dict[int, Simultaneous] = {}
    adjusted, level, going_on = 0.0, math.nan, True
    for place, row in enumerate(order.tolist()):
        column, tail = smallest[:, place], float(observed[row])
        adjusted = max(adjusted, _share(column, tail))
        called = going_on and adjusted <= alphas[row]
        if going_on:  # the first row that is not called gives its level to all after it
            level = _critical(column, alphas[row])
            if not called:  # where few queries differ, the next p-value is far above alpha
                level = min(level, alphas[row])
        going_on = called
        outcomes[row] = _outcome(
            list(rows[row].values()),
            called=called,
            p_value=_share(drawn[:, row], tail),
            p_adjusted=adjusted,
            level=level,
        )
    return [outcomes[row] for row in range(len(rows))]


def t_ends(differences: Sequence[float], *, level: float) -> tuple[float, float]:
    """Return the ends of a two-sided t interval of the mean at 1 - `level`."""
    from scipy.special import stdtrit

    n = len(differences)
    mean = math.fsum(differences) / n
    variance = math.fsum((d - mean) ** 2 for d in differences) / (n - 1)
    half = float(stdtrit(n - 1, 1 - level / 2)) * math.sqrt(variance / n)
    return mean - half, mean + half


def _outcome(
    differences: Sequence[float], *, called: bool, p_value: float, p_adjusted: float, level: float
) -> Simultaneous:
    low, high = t_ends(differences, level=level)
    if not called:  # ties in the flips, or differences that are all equal
        low, high = min(low, 0.0), max(high, 0.0)
    return Simultaneous(
        called=called, p_value=p_value, p_adjusted=p_adjusted, low=low, high=high, level=level
    )


def _table(rows: Sequence[Differences]) -> tuple[Floats, Floats]:
    """Return differences, (rows, queries), 0 where there is none, and the number of each row's.
    Queries in which no row differs are left out: their flips change nothing."""
    units = list(dict.fromkeys(unit for row in rows for unit in row if row[unit] != 0))
    place = {unit: number for number, unit in enumerate(units)}
    table = np.zeros((len(rows), len(units)))
    for number, row in enumerate(rows):
        for unit, difference in row.items():
            if difference != 0:
                table[number, place[unit]] = difference
    return table, np.array([len(row) for row in rows], dtype=np.float64)


def _drawn(table: Floats, counts: Floats, *, flips: int, seed: int) -> Floats:
    """Return the tail of each row under each flip, (draws, rows); the observed signs included."""
    units = table.shape[1]
    if units == 0:
        return np.ones((1, len(table)))
    if units <= EXACT:
        # The opposite of a pattern has the same tails.
        signs = np.array([(1.0, *rest) for rest in product((1.0, -1.0), repeat=units - 1)])
        return _tails(signs @ table.T, table, counts)
    random = np.random.default_rng(seed)
    parts = [_tails(table.sum(axis=1)[None], table, counts)]
    if units > MANY:
        values, vectors = np.linalg.eigh(table @ table.T)
        root = vectors * np.sqrt(np.maximum(values, 0.0))
        parts.append(_tails(random.standard_normal((flips, len(table))) @ root.T, table, counts))
        return np.concatenate(parts)
    size = max(1, _BLOCK // units)
    for begin in range(0, flips, size):
        shape = (min(size, flips - begin), units)
        signs = random.integers(0, 2, size=shape, dtype=np.int8) * 2.0 - 1.0
        parts.append(_tails(signs @ table.T, table, counts))
    return np.concatenate(parts)


def _tails(sums: Floats, table: Floats, counts: Floats) -> Floats:
    """Return the two-sided tail of each row's t, (draws, rows), given its sums.

    t follows from the sum alone, since flips do not change the squares. Rounded, so that sums which
    differ in their last digits are ties; a row without any difference has tail 1.
    """
    from scipy.special import stdtr

    squares = np.square(table).sum(axis=1)
    with np.errstate(divide="ignore", invalid="ignore"):
        part = np.minimum(np.round(np.square(sums) / (counts * squares), 12), 1.0)
        t = np.sqrt(part * (counts - 1) / (1 - part))
    tails = 2 * stdtr(np.broadcast_to(counts - 1, t.shape), -t)
    return np.where(squares > 0, tails, 1.0)


def _share(tails: Floats, tail: float) -> float:
    return float((tails <= tail).mean())


def _critical(tails: Floats, alpha: float) -> float:
    """Return a tail between the largest that is called at `alpha` and the next one."""
    values, numbers = np.unique(tails, return_counts=True)
    called = int((np.cumsum(numbers) <= alpha * len(tails)).sum())
    below = float(values[called - 1]) if called else 0.0
    above = float(values[called]) if called < len(values) else 1.0
    return (below + above) / 2
