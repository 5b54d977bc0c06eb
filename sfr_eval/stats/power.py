"""Power of paired tests: the smallest true difference that a test usually detects."""

import math
from collections.abc import Sequence
from functools import lru_cache

import numpy as np

POWER = 0.8
NODES = 40  # of the distribution of an estimated spread


def smallest_visible(
    differences: Sequence[float],
    *,
    alpha: float,
    sides: int = 2,
    step: float = 0.0,
    power: float = POWER,
) -> float | None:
    """Return the true mean difference that a paired test at level `alpha` detects with `power`.

    From the spread of the observed differences, by the noncentral t distribution with n - 1 degrees
    of freedom, averaged over what the spread may be: that of a few differences is often too small,
    and so would be the result. `step` is the smallest change
    that one unit can show, 0 if any size is possible: a mean drop of d that comes in steps has a
    spread of at least step * d - d^2, however alike the two runs are now. With all-or-nothing
    outcomes (step 1), this keeps the result above what an exact test can detect at all.

    None below two differences, and if all are equal and any size is possible, since there is no
    spread to go by.
    """
    n = len(differences)
    if n < 2:
        return None
    mean = math.fsum(differences) / n
    variance = math.fsum((d - mean) ** 2 for d in differences) / (n - 1)
    q = _standard_errors(n, alpha / sides, power) ** 2 / n
    # The smallest d with d^2 >= q * max(variance, step * d - d^2).
    return max(math.sqrt(q * variance), q * step / (1 + q)) or None


@lru_cache(maxsize=256)
def _standard_errors(n: int, tail: float, power: float) -> float:
    """Return how many estimated standard errors a true mean has to be, to be found with `power` by
    a one-sided t test at level `tail` of n other numbers."""
    from scipy.special import chdtri, nctdtr, stdtrit

    freedom = n - 1
    critical = stdtrit(freedom, 1 - tail)
    # The estimated spread as a multiple of the true one, at evenly spaced quantiles.
    spreads = np.sqrt(chdtri(freedom, (np.arange(NODES) + 0.5) / NODES) / freedom)
    low, high = 0.0, 10.0 * float(critical) + 10.0
    for _ in range(50):
        middle = (low + high) / 2
        found = 1 - nctdtr(freedom, middle * spreads, critical).mean()
        low, high = (middle, high) if found < power else (low, middle)
    return high


def lattice_step(values: Sequence[float], *, size: int) -> float:
    """Return 1 / size if every value is a multiple of it from 0 to 1 (c of n), else 0."""
    on_lattice = size > 0 and all(
        abs(v * size - round(v * size)) <= 1e-6 and -1e-9 <= v <= 1 + 1e-9 for v in values
    )
    return 1 / size if on_lattice else 0.0
