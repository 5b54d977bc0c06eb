"""How many different answers a draw of replies holds, given which pairs say the same.

Whether two replies say the same is a relation of pairs, from any source: a cut on cosine distance,
a classifier of pairs, people. It need not be transitive, so a partition of all n replies depends on
how they are grouped, and on n. Counted here is a draw of four replies on its own: in their order, a
reply is new if it says the same as none of the new ones before it (NoveltyBench 2504.05228, which
compares with the first member of each class), averaged over all 24 orders and over all draws. So
the value depends neither on the order of the replies nor, in expectation, on their number.
"""

import math
from functools import cache
from itertools import combinations, permutations
from typing import Final

import numpy as np

from sfr_eval.metrics.classes import MAX_DISTANCE
from sfr_eval.stats.arrays import Floats, Integers, Mask

DRAW: Final = 4
"""Replies in a draw: half the usual 8, so that a prompt's estimate averages over draws."""
DRAWS: Final = 2_048
"""Draws from more than 16 replies; up to 16, all (at most 1,820) are counted."""


def cosine_relation(rows: Floats, *, max_distance: float = MAX_DISTANCE) -> Mask:
    """Return which pairs are within `max_distance`, shape (..., n, n), of unit rows (..., n, d)."""
    return np.asarray(1.0 - rows @ np.swapaxes(rows, -1, -2) <= max_distance)


def expected_meanings(same: Mask, *, total: int | None = None) -> float | Floats | None:
    """Expected number of different answers among DRAW of n replies drawn without replacement.

    `same` has shape (..., n, n) for sets of one size, symmetric; its diagonal is ignored. Range 1
    to DRAW, higher is more varied; equals `classes.distinct_k` if the relation is transitive.
    Unbiased for a draw of DRAW at every n. None if fewer than DRAW replies were drawn. `total` is
    the number drawn if only n of them passed a filter and can count: range 0 to DRAW. All draws are
    counted up to n = 16, then DRAWS random ones (the same for each n), which adds a standard
    deviation of .02 to the value of one set.
    """
    n = same.shape[-1]
    number = n if total is None else total
    if number < n:
        raise ValueError(f"total = {number}, but there are {n} replies")
    if number < DRAW:
        return None
    mean = np.zeros(same.shape[:-2])
    for size in range(1, min(DRAW, n) + 1):
        # The chance that `size` of the drawn replies are among the n.
        ways = math.comb(n, size) * math.comb(number - n, DRAW - size)
        if ways:
            mean += ways / math.comb(number, DRAW) * _mean_of_draws(same, size)
    return float(mean) if mean.ndim == 0 else mean


def _mean_of_draws(same: Mask, size: int) -> Floats:
    members = draws(same.shape[-1], size)
    code = np.zeros((*same.shape[:-2], len(members)), dtype=np.int64)
    for bit, (a, b) in enumerate(combinations(range(size), 2)):
        code |= same[..., members[:, a], members[:, b]].astype(np.int64) << bit
    return np.asarray(_new_ones(size)[code].mean(axis=-1))


@cache
def draws(n: int, size: int) -> Integers:
    """Return the draws of `size` from n, shape (draws, size): all of them, or DRAWS random ones."""
    if math.comb(n, size) <= DRAWS:
        return np.array(list(combinations(range(n), size)), dtype=np.int64)
    random = np.random.default_rng(n)
    return np.stack([random.choice(n, size, replace=False) for _ in range(DRAWS)])


@cache
def _new_ones(size: int) -> Floats:
    """Return the mean number of new replies over all orders, for each relation of `size` replies.

    The relation is the bits of the index, in the order of its pairs.
    """
    pairs = list(combinations(range(size), 2))
    table = np.zeros(2 ** len(pairs))
    for code in range(len(table)):
        alike = {pair for bit, pair in enumerate(pairs) if code >> bit & 1}
        for order in permutations(range(size)):
            new: list[int] = []
            for reply in order:
                if not any((min(reply, other), max(reply, other)) in alike for other in new):
                    new.append(reply)
            table[code] += len(new)
    return table / math.factorial(size)
