"""What a reader gets from a few replies who goes on with some patience and gains nothing from a
repeated answer (utility of NoveltyBench, 2504.05228)."""

from collections.abc import Sequence
from functools import cache
from itertools import combinations, permutations

import numpy as np

from sfr_eval.metrics.checks import unit_rows
from sfr_eval.metrics.equivalence import DRAW, draws
from sfr_eval.metrics.meanings import Equivalence
from sfr_eval.stats.arrays import Floats, Integers, Mask

PATIENCE = 0.8
"""Chance that a reader goes on to the next reply, as in NoveltyBench."""
_CELLS = 2**23  # numbers in a batch of sets: 64 MB


def expected_utility(same: Mask, scores: Floats, *, patience: float = PATIENCE) -> Floats:
    """Expected patience-weighted score of DRAW of n replies, read in turn, where a reply counts
    only if it says the same as none of the new ones before it.

    `same` has shape (sets, n, n), `scores` (sets, n), n >= DRAW. The mean over draws and orders of
    sum_i patience^i score_i [i is new] / sum_i patience^i, shape (sets,): in the unit of the
    scores, higher is better. Equals `classes.utility_k` if the relation is transitive. Draws and
    orders as in `equivalence.expected_meanings`, so its expectation does not depend on n.
    """
    members = draws(same.shape[-1], DRAW)
    code = np.zeros((len(same), len(members)), dtype=np.int64)
    for bit, (a, b) in enumerate(combinations(range(DRAW), 2)):
        code |= same[:, members[:, a], members[:, b]].astype(np.int64) << bit
    weights = _weights(patience)
    total = sum(weights[code, i] * scores[:, members[:, i]] for i in range(DRAW))
    return np.asarray(np.mean(total, axis=1))


@cache
def _weights(patience: float) -> Floats:
    """Return the expected weight of each of DRAW replies over all orders, for each relation of
    them; the relation is the bits of the index, in the order of its pairs."""
    pairs = list(combinations(range(DRAW), 2))
    table = np.zeros((2 ** len(pairs), DRAW))
    for code in range(len(table)):
        alike = {pair for bit, pair in enumerate(pairs) if code >> bit & 1}
        for order in permutations(range(DRAW)):
            new: list[int] = []
            for place, reply in enumerate(order):
                if not any((min(reply, other), max(reply, other)) in alike for other in new):
                    new.append(reply)
                    table[code, reply] += patience**place
    orders = len(list(permutations(range(DRAW))))
    return table / orders / sum(patience**place for place in range(DRAW))


def utilities(
    equivalence: Equivalence,
    embeddings: Floats,
    texts: Sequence[str],
    scores: Floats,
    sets: Sequence[Integers],
) -> Floats:
    """Return `expected_utility` of each set of rows; NaN below DRAW replies. Row i of `embeddings`,
    `texts` and `scores` is one reply."""
    column = np.full(len(sets), np.nan)
    for n in dict.fromkeys(len(rows) for rows in sets):
        if n < DRAW:
            continue
        numbers = [number for number, rows in enumerate(sets) if len(rows) == n]
        step = max(1, _CELLS // (n * max(n, embeddings.shape[1])))
        for begin in range(0, len(numbers), step):
            batch = numbers[begin : begin + step]
            members = np.stack([sets[number] for number in batch])
            same = equivalence.relation(
                unit_rows(embeddings[members]), [[texts[i] for i in rows] for rows in members]
            )
            column[batch] = expected_utility(same, scores[members])
    return column
