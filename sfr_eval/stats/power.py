"""Power of paired tests: the smallest true difference that a test usually detects."""

import math
from collections.abc import Sequence

POWER = 0.8


def smallest_visible(
    differences: Sequence[float],
    *,
    alpha: float,
    sides: int = 2,
    step: float = 0.0,
    power: float = POWER,
) -> float | None:
    """Return the true mean difference that a paired test at level `alpha` detects with `power`.

    (t quantile of 1 - alpha / sides + t quantile of power) standard errors, n - 1 degrees of
    freedom (Bloom 1995), from the spread of the observed differences. `step` is the smallest change
    that one unit can show, 0 if any size is possible: a mean drop of d that comes in steps has a
    spread of at least step * d - d^2, however alike the two runs are now. With all-or-nothing
    outcomes (step 1), this keeps the result above what an exact test can detect at all.

    None below two differences, and if all are equal and any size is possible, since there is no
    spread to go by.
    """
    from scipy.special import stdtrit

    n = len(differences)
    if n < 2:
        return None
    mean = math.fsum(differences) / n
    variance = math.fsum((d - mean) ** 2 for d in differences) / (n - 1)
    quantiles = float(stdtrit(n - 1, 1 - alpha / sides)) + float(stdtrit(n - 1, power))
    q = quantiles**2 / n
    # The smallest d with d^2 >= q * max(variance, step * d - d^2).
    return max(math.sqrt(q * variance), q * step / (1 + q)) or None


def lattice_step(values: Sequence[float], *, size: int) -> float:
    """Return 1 / size if every value is a multiple of it from 0 to 1 (c of n), else 0."""
    on_lattice = size > 0 and all(
        abs(v * size - round(v * size)) <= 1e-6 and -1e-9 <= v <= 1 + 1e-9 for v in values
    )
    return 1 / size if on_lattice else 0.0
