"""pass@k: the chance that at least one of k attempts is right (Chen et al. 2107.03374)."""

import math


def pass_at_k(n: int, c: int, k: int) -> float:
    """1 - C(n - c, k) / C(n, k): unbiased, from c right ones among n >= k attempts at one task.

    Range 0 to 1, higher is better; 1 where n - c < k. Product form, so no large binomial arises.
    ValueError unless 0 <= c <= n and 1 <= k <= n. Average over tasks, which are the independent
    units.
    """
    if not 0 <= c <= n:
        raise ValueError(f"pass_at_k: c = {c} is not between 0 and n = {n}")
    if not 1 <= k <= n:
        raise ValueError(f"pass_at_k: k = {k} is not between 1 and n = {n}")
    if n - c < k:
        return 1.0
    return 1.0 - math.prod(1.0 - k / i for i in range(n - c + 1, n + 1))
