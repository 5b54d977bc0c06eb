"""How many different replies a grammar gives in k draws."""

import math

import numpy as np

from sfr_eval.suites.world.grammar import SlotGrammar


def expected_distinct(grammar: SlotGrammar, k: int) -> float:
    """Return the expected number of distinct derivations among k independent draws, 0 to k.

    Exactly sum_y 1 - (1 - p_y)^k over all derivations y (over texts, if no text has two).
    Entries of equal log-probability count as one value with a multiplicity, which reduces
    10^8 derivations to about 10^5 values.
    """
    if k < 0:
        raise ValueError(f"k must be 0 or more, not {k}")
    logs, counts = np.zeros(1), np.ones(1)
    for slot in grammar.slots:
        live = np.array([log for log in slot.logs if log > -math.inf])
        values, copies = np.unique(live.round(12), return_counts=True)
        sums = np.add.outer(logs, values).ravel().round(10)
        products = np.multiply.outer(counts, copies).ravel()
        logs, place = np.unique(sums, return_inverse=True)
        counts = np.zeros(len(logs))
        np.add.at(counts, place, products)
    # p = 1 has log1p(-1) = -inf, whose limit is right: the text is always drawn.
    with np.errstate(divide="ignore"):
        drawn = -np.expm1(k * np.log1p(-np.exp(np.minimum(logs, 0.0)))) if k else 0.0
    return float(np.sum(counts * drawn))
