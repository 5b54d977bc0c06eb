"""Is a difference real? Runs that answered the same queries are compared query by query."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import product

import numpy as np

from sfr_eval.stats.intervals import mean_interval

FLIPS = 9_999
_EXACT = 13  # differences up to which all signs are tried


@dataclass(frozen=True, kw_only=True)
class Difference:
    """Second minus first. `n` queries have a value in both, `unpaired` in one of them only."""

    value: float | None
    low: float | None
    high: float | None
    method: str
    p_value: float | None
    n: int
    unpaired: int


def paired_difference(first: Mapping[str, float], second: Mapping[str, float]) -> Difference:
    """Mean over queries of second - first, its 95% interval, and the sign-flip p-value. Both map
    query -> value (see `estimate.query_means`)."""
    both = [query for query in first if query in second]
    unpaired = len(first.keys() ^ second.keys())
    if not both:
        return Difference(
            value=None,
            low=None,
            high=None,
            method="none: no query in both",
            p_value=None,
            n=0,
            unpaired=unpaired,
        )
    differences = [second[query] - first[query] for query in both]
    found = mean_interval(differences)
    return Difference(
        value=found.value,
        low=found.low,
        high=found.high,
        method=f"paired {found.method}" if len(both) > 1 else found.method,
        p_value=sign_flip_test(differences),
        n=len(both),
        unpaired=unpaired,
    )


def sign_flip_test(differences: Sequence[float], *, flips: int = FLIPS, seed: int = 0) -> float:
    """Two-sided p-value of a mean of differences that are symmetric about 0 when nothing differs.

    All 2^n signs up to n = 13, else `flips` random ones, counted with the observed one:
    p = (1 + as extreme) / (1 + flips).
    """
    values = np.asarray(differences, dtype=np.float64)
    n = len(values)
    if not n:
        raise ValueError("no difference to test")
    observed = abs(float(values.sum()))
    observed -= 1e-12 * float(np.abs(values).sum())  # sums in another order differ in last digits
    if n <= _EXACT:
        signs = np.array(list(product((1.0, -1.0), repeat=n)))
        return float((np.abs(signs @ values) >= observed).mean())
    random = np.random.default_rng(seed)
    reached = 0
    for begin in range(0, flips, 1_000):
        count = min(1_000, flips - begin)
        signs = random.integers(0, 2, size=(count, n)) * 2.0 - 1.0
        reached += int((np.abs(signs @ values) >= observed).sum())
    return (1 + reached) / (1 + flips)


def holm(p_values: Sequence[float]) -> list[float]:
    """Adjusted p-values of a family of tests (Holm 1979): reject those at most alpha, and the
    chance of any false rejection is at most alpha, however the tests depend on each other."""
    order = sorted(range(len(p_values)), key=lambda i: p_values[i])
    adjusted = [0.0] * len(p_values)
    highest = 0.0
    for rank, i in enumerate(order):
        highest = max(highest, min(1.0, (len(p_values) - rank) * p_values[i]))
        adjusted[i] = highest
    return adjusted
