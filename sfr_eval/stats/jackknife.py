"""How uncertain is one set's value? Subsets without replacement, since copies would be repetition.

This is the error within a prompt: what another k replies to the same prompt would change. The
interval over prompts (`intervals`) already contains it; use this for a single prompt.
"""

import math
from collections.abc import Callable, Sequence
from itertools import combinations
from typing import Any, TypeVar

import numpy as np

Item = TypeVar("Item")
DRAWS = 400


def delete_d_jackknife(
    statistic: Callable[[Sequence[Item]], float | None],
    items: Sequence[Item],
    *,
    d: int | None = None,
    draws: int = DRAWS,
    seed: int = 0,
) -> float | None:
    """Standard error of `statistic(items)` from subsets of n - d items (Shao and Wu 1989).

    sqrt( (n - d) / d * mean over subsets of (value - mean value)^2 ). All subsets where there are
    at most `draws`, else that many random ones. Default d: n // 2, at least 1, which also serves
    statistics that are not smooth. None below three items, or where the statistic is undefined for
    a subset. Only for statistics whose expectation does not move with n (the count-stable forms).
    """
    n = len(items)
    d = max(1, n // 2) if d is None else d
    if n < 3:
        return None
    if not 1 <= d < n:
        raise ValueError(f"d = {d}; leave out at least 1 and fewer than all {n} items")
    values = []
    for kept in _subsets(n, n - d, draws, seed):
        value = statistic([items[i] for i in kept])
        if value is None or math.isnan(value):
            return None
        values.append(value)
    return math.sqrt((n - d) / d * float(np.var(values)))


def _subsets(n: int, size: int, draws: int, seed: int) -> Sequence[Any]:
    if math.comb(n, size) <= draws:
        return list(combinations(range(n), size))
    random = np.random.default_rng(seed)
    return [random.permutation(n)[:size] for _ in range(draws)]
