"""Exact values of the simulated coder."""

import math

from sfr_eval.suites.problems.simulated import SimulatedCoder


def exact_pass_at_k(coder: SimulatedCoder, k: int, problem: str | None = None) -> float:
    """Return the exact value for one problem, or its mean over all such problems."""
    if problem is not None:
        return float(1 - (1 - coder.chance(problem)) ** k)
    if coder.spread == 0 or coder.solve in (0, 1):
        return float(1 - (1 - coder.solve) ** k)
    if coder.spread == 1:
        return coder.solve
    a, b = coder._shape()
    # E[(1 - p)^k] = B(a, b + k) / B(a, b)
    log_miss = math.lgamma(b + k) - math.lgamma(b) + math.lgamma(a + b) - math.lgamma(a + b + k)
    return 1 - math.exp(log_miss)


def exact_distinct_at_k(coder: SimulatedCoder, k: int, problem: str) -> float:
    """Return the exact expected number of distinct solutions among k answers to a problem."""
    count = len(coder._problems[problem].solutions)
    return count * (1 - (1 - coder.chance(problem) / count) ** k)
