"""The plain paired comparison that the package's faster tests are checked against."""

from collections.abc import Mapping, Sequence
from itertools import product

import numpy as np

from sfr_eval.stats.intervals import Interval, mean_interval

EXACT = 13  # differences up to which all signs are tried


def paired_difference(
    first: Mapping[str, float], second: Mapping[str, float]
) -> tuple[Interval, float]:
    """Mean over shared queries of second - first with its 95% interval, and the sign-flip
    p-value."""
    differences = [second[query] - first[query] for query in first if query in second]
    return mean_interval(differences), sign_flip_test(differences)


def sign_flip_test(differences: Sequence[float], *, flips: int = 9_999, seed: int = 0) -> float:
    """Two-sided p-value of a mean of differences that are symmetric about 0 under the null.

    Tries all 2^n signs up to n = 13; above that, `flips` random ones plus the observed one:
    p = (1 + as extreme) / (1 + flips).
    """
    values = np.asarray(differences, dtype=np.float64)
    n = len(values)
    observed = abs(float(values.sum()))
    observed -= 1e-12 * float(np.abs(values).sum())  # sums in another order differ in last digits
    if n <= EXACT:
        signs = np.array(list(product((1.0, -1.0), repeat=n)))
        return float((np.abs(signs @ values) >= observed).mean())
    random = np.random.default_rng(seed)
    reached = 0
    for begin in range(0, flips, 1_000):
        count = min(1_000, flips - begin)
        signs = random.integers(0, 2, size=(count, n)) * 2.0 - 1.0
        reached += int((np.abs(signs @ values) >= observed).sum())
    return (1 + reached) / (1 + flips)
