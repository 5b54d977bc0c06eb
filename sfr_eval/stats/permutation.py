"""Sign-flip tests of paired differences: exact where that is cheap, by random flips otherwise.

When nothing differs between two runs, each difference is as likely to be +d as -d. So signs can be
flipped freely, and p is the share of flips whose sum is at least as extreme as the observed one.
"""

import math
from collections.abc import Sequence
from itertools import accumulate, product
from typing import Any, Literal

import numpy as np

from sfr_eval.stats.arrays import Floats

Alternative = Literal["two-sided", "greater", "less"]
"""The alternative hypothesis for the mean difference: not 0, above 0, below 0."""

FLIPS = 99_999
EXACT = 13  # up to so many nonzero differences, all sign patterns are tried
MANY = 2_000  # above it, the sum of flipped differences is treated as normal
SEED = 20_261_126
_BLOCK = 2**22  # signs in memory at a time


def sign_flip_p_values(
    rows: Sequence[Sequence[float]],
    *,
    alternative: Alternative = "two-sided",
    flips: int = FLIPS,
    seed: int = SEED,
) -> list[float]:
    """p-values of many rows of differences, which may differ in length; 1 for a row of zeros.

    Up to 13 nonzero differences, all 2^n sign patterns are tried. Above that, `flips` random ones
    plus the observed one: p = (1 + as extreme) / (1 + flips). Above 2,000 differences, the normal
    tail, whose variance is the sum of squares. All rows share the same flips, so equal rows have
    equal p-values, and testing many rows costs a single draw.
    """
    nonzero = [np.asarray([d for d in row if d != 0], dtype=np.float64) for row in rows]
    p_values = [1.0] * len(nonzero)
    to_draw = []
    for number, values in enumerate(nonzero):
        if 0 < len(values) <= EXACT:
            signs = np.array(list(product((1.0, -1.0), repeat=len(values))))
            p_values[number] = float(_reaches(signs @ values, values, alternative).mean())
        elif len(values) > MANY:
            p_values[number] = _normal(values, alternative)
        elif len(values):
            to_draw.append(number)
    if to_draw:
        counts = _count([nonzero[number] for number in to_draw], alternative, flips, seed)
        for number, reached in zip(to_draw, counts, strict=True):
            p_values[number] = (1 + reached) / (1 + flips)
    return p_values


def holm(p_values: Sequence[float]) -> list[float]:
    """Adjusted p-values of a family of tests (Holm 1979). Rejecting those up to alpha keeps the
    chance of any false rejection at alpha or below, however the tests depend on each other."""
    order = sorted(range(len(p_values)), key=lambda i: p_values[i])
    factors = range(len(p_values), 0, -1)
    steps = (min(1.0, m * p_values[i]) for m, i in zip(factors, order, strict=True))
    adjusted = dict(zip(order, accumulate(steps, max), strict=True))
    return [adjusted[i] for i in range(len(p_values))]


def _reaches(sums: Floats, values: Floats, alternative: Alternative) -> Any:
    observed = float(values.sum())
    slack = 1e-12 * float(np.abs(values).sum())  # sums in another order differ in last digits
    if alternative == "greater":
        return sums >= observed - slack
    if alternative == "less":
        return sums <= observed + slack
    return np.abs(sums) >= abs(observed) - slack


def _count(rows: list[Floats], alternative: Alternative, flips: int, seed: int) -> list[int]:
    """Count the flips that are at least as extreme as each row's sum."""
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
