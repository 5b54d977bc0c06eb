"""The chance that one, all, or most of k answers are right, estimated from n of which c are."""

import math
from collections import Counter
from collections.abc import Iterable, Sequence


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


def pass_hat_k(n: int, c: int, k: int) -> float | None:
    """Chance that all of k of the n programs, drawn without replacement, are correct (pass^k).

    C(c, k) / C(n, k): unbiased for p^k. Range 0 to 1, higher is better; c/n at k = 1, and never
    increases in k. None for k > n. Raises ValueError unless 0 <= c <= n and k >= 1.
    """
    if not 0 <= c <= n or k < 1:
        raise ValueError(f"pass_hat_k(n={n}, c={c}, k={k}): needs 0 <= c <= n and k >= 1")
    if k > n:
        return None
    return math.prod((c - i) / (n - i) for i in range(k))


def majority_at_k(right: int, wrong: Sequence[int], n: int) -> list[float]:
    """Chance that the most frequent of k answers is the right one, for k = 1 to n (maj@k).

    `right` of the n replies give the right answer and `wrong[i]` the i-th wrong one; the rest give
    no answer and do not vote. k replies are drawn without replacement, and a tie is broken by
    chance: t wrong answers that are as frequent leave 1 / (1 + t). The sum over all C(n, k) draws
    is exact, in integers: for each number of right answers drawn, the ways to draw the rest so that
    no wrong answer is more frequent. c/n at k = 1; unlike pass@k it may fall in k. Raises
    ValueError if the counts exceed n.
    """
    silent = n - right - sum(wrong)
    if right < 0 or silent < 0 or min(wrong, default=1) < 1:
        raise ValueError(f"majority_at_k(right={right}, wrong={list(wrong)}, n={n}): impossible")
    wins = [0.0] * (n + 1)
    sizes = Counter(wrong)
    for votes in range(1, right + 1):
        ways = {0: [math.comb(silent, m) for m in range(n - votes + 1)]}  # ties -> by number drawn
        for size, count in sizes.items():
            for _ in range(count):
                ways = _with_class(ways, size, votes, n - votes)
        for ties, by_number in ways.items():
            for m, number in enumerate(by_number):
                if number:
                    share = math.comb(right, votes) * number / math.comb(n, votes + m)
                    wins[votes + m] += share / (1 + ties)
    return [min(1.0, win) for win in wins[1:]]


def _with_class(
    ways: dict[int, list[int]], size: int, most: int, longest: int
) -> dict[int, list[int]]:
    """Add a wrong answer of which at most `most` may be drawn; exactly so many are a tie."""
    added: dict[int, list[int]] = {}
    for ties, by_number in ways.items():
        for m, number in enumerate(by_number):
            if not number:
                continue
            for drawn in range(min(size, most, longest - m) + 1):
                row = added.setdefault(ties + (drawn == most), [0] * (longest + 1))
                row[m + drawn] += number * math.comb(size, drawn)
    return added
