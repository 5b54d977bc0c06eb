"""Rarefaction: the chance that a class is absent from a smaller draw, for rarefied distinct-n and
distinct_k. The expected number of classes in the draw is the sum of 1 - chance (Hurlbert 1971).

Symbols: n items in classes of sizes n_j; m of them are drawn without replacement. The chance that
class j is absent is C(n - n_j, m) / C(n, m).
"""

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
