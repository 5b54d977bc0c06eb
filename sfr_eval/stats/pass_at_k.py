"""The chance that at least one of k programs is right, estimated from n of which c are."""

import math
from collections.abc import Iterable


def pass_at_k(n: int, c: int, k: int) -> float | None:
    """Chance that k of the n programs, drawn without replacement, include a correct one.

    1 - C(n - c, k) / C(n, k) (Chen et al. 2107.03374, equation 1): unbiased for 1 - (1 - p)^k when
    the n programs are independent and correct with probability p; 1 - (1 - c/n)^k is too low. Range
    0 to 1, higher is better; c/n at k = 1, and never decreases in k. None for k > n, where it
    cannot be estimated. Raises ValueError unless 0 <= c <= n and k >= 1.
    """
    if not 0 <= c <= n or k < 1:
        raise ValueError(f"pass_at_k(n={n}, c={c}, k={k}): needs 0 <= c <= n and k >= 1")
    if k > n:
        return None
    if n - c < k:
        return 1.0
    # C(n - c, k) / C(n, k) as a product of c factors below 1: no huge numbers.
    return 1.0 - math.prod(1.0 - k / i for i in range(n - c + 1, n + 1))


def distinct_at_k(class_sizes: Iterable[int], n: int, k: int) -> float | None:
    """Expected number of distinct classes among k of n programs, drawn without replacement.

    `class_sizes` counts the programs of each class of interest (correct programs of one kind);
    programs outside every class count towards n only. The sum over classes of 1 - C(n - m, k) /
    C(n, k) (rarefaction, Hurlbert 1971), which does not depend on the order of the samples. Range 0
    to min(k, classes), higher is more varied; never decreases in k, and equals pass@1 at k = 1.
    None for k > n.
    """
    sizes = list(class_sizes)
    if k > n:
        return None
    return math.fsum(pass_at_k(n, size, k) or 0.0 for size in sizes)
