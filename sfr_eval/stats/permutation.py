"""Tests of paired differences by their signs: exact where that is cheap, many draws else.

When nothing differs between two runs, each difference is as likely to be +d as -d. So the signs are
flipped at will, and p is the share of flips that reach the observed sum.
"""

import math
from collections.abc import Sequence
from itertools import product
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

Alternative = Literal["two-sided", "greater", "less"]
"""What the test looks for in the mean difference: any, above 0, below 0."""

FLIPS = 99_999
EXACT = 13  # differences other than 0 up to which all signs are tried
MANY = 2_000  # and from which the sum of flipped differences is normal for every purpose here
SEED = 20_261_126
_BLOCK = 2**22  # signs held at a time

Floats = npt.NDArray[np.floating[Any]]


def mcnemar_exact(lost: int, gained: int, *, alternative: Alternative = "two-sided") -> float:
    """Exact McNemar test (1947) of paired right/wrong: `lost` were right only in the first run,
    `gained` only in the second. `greater` looks for more gained than lost. With none of either, 1.

    The same as flipping the signs of differences of -1 and +1, all of them.
    """
    from scipy.special import bdtr

    n = lost + gained
    if n == 0:
        return 1.0
    if alternative == "greater":
        return float(bdtr(lost, n, 0.5))
    if alternative == "less":
        return float(bdtr(gained, n, 0.5))
    return min(1.0, 2 * float(bdtr(min(lost, gained), n, 0.5)))


def sign_flip_p_values(
    rows: Sequence[Sequence[float]],
    *,
    alternative: Alternative = "two-sided",
    flips: int = FLIPS,
    seed: int = SEED,
) -> list[float]:
    """p-values of many rows of differences, which may differ in length; 1 for a row without any.

    All 2^n signs of the n differences that are not 0 up to n = 13; else `flips` random ones,
    counted with the observed one: p = (1 + as extreme) / (1 + flips); above 2,000 differences the
    normal tail with the variance of the flipped sum, sum of squares. The flips are the same for
    every row, so equal rows have equal p-values, and drawing them once makes many rows cheap.
    """
    kept = [np.asarray([d for d in row if d != 0], dtype=np.float64) for row in rows]
    found = [1.0] * len(kept)
    drawn = []
    for number, values in enumerate(kept):
        if not len(values):
            continue
        if len(values) <= EXACT:
            signs = np.array(list(product((1.0, -1.0), repeat=len(values))))
            found[number] = float(_reaches(signs @ values, values, alternative).mean())
        elif len(values) > MANY:
            found[number] = _normal(values, alternative)
        else:
            drawn.append(number)
    if drawn:
        counts = _count([kept[number] for number in drawn], alternative, flips, seed)
        for number, reached in zip(drawn, counts, strict=True):
            found[number] = (1 + reached) / (1 + flips)
    return found


def smallest_p(n: int, *, alternative: Alternative = "two-sided") -> float:
    """The smallest p-value that n differences other than 0 can give: all of one sign."""
    exact = 2.0 ** (1 - n if alternative == "two-sided" else -n)
    return min(1.0, exact if n <= EXACT or n > MANY else max(exact, 1 / (1 + FLIPS)))


def _reaches(sums: Floats, values: Floats, alternative: Alternative) -> Any:
    observed = float(values.sum())
    slack = 1e-12 * float(np.abs(values).sum())  # sums in another order differ in last digits
    if alternative == "greater":
        return sums >= observed - slack
    if alternative == "less":
        return sums <= observed + slack
    return np.abs(sums) >= abs(observed) - slack


def _count(rows: list[Floats], alternative: Alternative, flips: int, seed: int) -> list[int]:
    """How many of the flips reach each row's sum."""
    longest = max(map(len, rows))
    table = np.zeros((longest, len(rows)))
    for number, values in enumerate(rows):
        table[: len(values), number] = values
    random = np.random.default_rng(seed)
    reached = np.zeros(len(rows), dtype=np.int64)
    size = max(1, _BLOCK // longest)
    for begin in range(0, flips, size):
        count = min(size, flips - begin)
        signs = random.integers(0, 2, size=(count, longest), dtype=np.int8) * 2.0 - 1.0
        sums = signs @ table
        for number, values in enumerate(rows):
            reached[number] += int(_reaches(sums[:, number], values, alternative).sum())
    return [int(count) for count in reached]


def _normal(values: Floats, alternative: Alternative) -> float:
    from scipy.special import ndtr

    z = math.fsum(values) / math.sqrt(math.fsum(values * values))
    if alternative == "two-sided":
        return float(2 * ndtr(-abs(z)))
    return float(ndtr(-z if alternative == "greater" else z))
