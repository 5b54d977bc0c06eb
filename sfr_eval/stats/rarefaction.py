"""Rarefaction: the expected number of classes in a smaller draw, for rarefied distinct-n and
distinct_k.

Symbols: n items in classes of sizes n_j; m of them are drawn without replacement. The chance that
class j is absent is C(n - n_j, m) / C(n, m).
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from sfr_eval.stats.arrays import Floats


def absence(sizes: npt.ArrayLike, n: npt.ArrayLike, m: int) -> Floats:
    """Return C(n - size, m) / C(n, m): the chance that no item of a class is among m of n.

    Arrays broadcast. The caller ensures 0 <= m <= n. Relative error about 1e-11 at n = 10^5
    (log-gamma); exact for classes of one item.
    """
    from scipy.special import gammaln

    size, total = np.broadcast_arrays(
        np.asarray(sizes, dtype=np.float64), np.asarray(n, dtype=np.float64)
    )
    chance = 1.0 - m / np.maximum(total, 1.0)  # size 1
    chance = np.where(total - size < m, 0.0, chance)
    several = (size > 1) & (total - size >= m)
    if several.any():
        s, t = size[several], total[several]
        chance[several] = np.exp(
            gammaln(t - s + 1) - gammaln(t - s - m + 1) - gammaln(t + 1) + gammaln(t - m + 1)
        )
    chance[size <= 0] = 1.0
    return chance


def expected_classes(sizes: Sequence[int] | npt.NDArray[Any], m: int) -> float:
    """Expected number of classes among m items drawn without replacement (Hurlbert 1971).

    sum_j [1 - C(n - n_j, m) / C(n, m)] over the class sizes n_j, n their sum; 0 to min(m, classes).
    Unbiased at every n >= m for a draw of m from the source. Raises ValueError if m is not in 0..n.
    """
    counts = np.asarray(sizes, dtype=np.int64)
    n = int(counts.sum())
    if not 0 <= m <= n:
        raise ValueError(f"expected_classes: m = {m} is not between 0 and n = {n}")
    return float((1.0 - absence(counts, n, m)).sum())
