"""Means over trainings and queries at once, and the difference of two groups of trainings.

Every training of a group answers the same queries, so trainings and queries are crossed. Both are
samples: the result should hold for another training and for other queries. With a_r of training r,
b_q of query q and e_rq of both together, the mean over R trainings and Q queries has the variance
var(a) / R + var(b) / Q + var(e) / RQ. The spread of the trainings' means estimates the first term
plus the third, that of the queries' means the second plus the third, so the third is subtracted
once: clustering both ways (Cameron, Gelbach and Miller 2011). In a difference of two groups, b_q is
the query's part that differs between the groups.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from sfr_eval.stats.arrays import Floats
from sfr_eval.stats.permutation import holm
from sfr_eval.stats.power import POWER

ROUNDING = 1e-12
"""Part of the largest value below which a difference, or a spread, is one of rounding."""

FEW = 2
"""With so few trainings in a group, the spread between them is counted in full."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Crossed:
    """A mean over trainings and queries, or a difference of two; `variance` is that of `value`."""

    value: float
    variance: float
    freedom: float  # degrees of freedom of the variance (Satterthwaite 1946)
    trainings: float  # part of the variance that more trainings would lower
    queries: int

    @property
    def p_value(self) -> float:
        """Two-sided p-value of no difference. Where nothing varies, it is that of flipping the
        queries' signs, 2^(1 - n): equal differences are no proof by themselves."""
        from scipy.special import stdtr

        if self.variance > 0:
            t = abs(self.value) / math.sqrt(self.variance)
            return float(2 * stdtr(self.freedom, -t))
        return 2.0 ** (1 - self.queries) if self.value else 1.0

    def ends(self, *, level: float) -> tuple[float, float]:
        """Return the ends of a t interval at 1 - `level`; without width where nothing varies."""
        from scipy.special import stdtrit

        half = float(stdtrit(self.freedom, 1 - level / 2)) * math.sqrt(self.variance)
        return self.value - half, self.value + half

    def extended(self, factor: float) -> "Crossed":
        """Return what `factor` times as many trainings may give: their part of the variance falls,
        and the degrees of freedom grow with them."""
        rest = max(0.0, self.variance - self.trainings)
        trainings = self.trainings / factor
        return replace(
            self,
            variance=trainings + rest,
            freedom=self.freedom * factor,
            trainings=trainings,
        )

    def smallest_visible(self, *, level: float) -> float | None:
        """Return the true difference that is called in 80 % of cases (Bloom 1995); None where
        nothing varies."""
        from scipy.special import stdtrit

        quantiles = float(stdtrit(self.freedom, 1 - level / 2)) + float(
            stdtrit(self.freedom, POWER)
        )
        return quantiles * math.sqrt(self.variance) or None


def crossed_mean(values: Floats) -> Crossed:
    """Return the mean of (trainings, queries), two or more of each."""
    return _crossed([values], [1.0])


def crossed_difference(first: Floats, second: Floats) -> Crossed:
    """Return the difference second minus first of two groups, (trainings, queries) each, over the
    same queries in the same order; two or more trainings in each group, and of queries.

    The spread between trainings may differ from group to group (Welch). Trainings are not paired.
    Where trainings of a group do not differ more than single answers explain, only queries count;
    not so if a group has two trainings, which could hide such a spread too easily. Coverage of the
    95 % interval is measured by benchmarks/replicates.py (docs/benchmarks_replicates.md).
    """
    if first.shape[1] != second.shape[1]:
        raise ValueError("crossed_difference: the groups need the same queries")
    return _crossed([first, second], [-1.0, 1.0])


def _crossed(tables: Sequence[Floats], signs: Sequence[float]) -> Crossed:
    n = tables[0].shape[1]
    if n < 2 or min(len(table) for table in tables) < 2:
        raise ValueError("crossed: needs two or more trainings and queries")
    means = [sign * table.mean(axis=0) for sign, table in zip(signs, tables, strict=True)]
    by_query = np.sum(means, axis=0)
    queries = float(np.var(by_query, ddof=1)) / n
    runs = [float(np.var(table.mean(axis=1), ddof=1)) / len(table) for table in tables]
    noises = [_residual(table) / (len(table) * n) for table in tables]
    between, noise = sum(runs), sum(noises)
    smallest = ROUNDING * max(float(np.abs(table).max()) for table in tables)
    fewest = min(len(table) for table in tables)
    few = fewest <= FEW
    if between <= noise and not few:
        variance, freedom = queries, float(n - 1)
    else:
        variance = max(between + queries - noise, queries, between if few else 0.0)
        squares = queries**2 / (n - 1) + sum(
            (run**2 + residual**2 / (n - 1)) / (len(table) - 1)
            for run, residual, table in zip(runs, noises, tables, strict=True)
        )
        # Welch's degrees of freedom are never fewer than those of the smaller group.
        freedom = max(fewest - 1.0, variance**2 / squares) if squares > 0 else float(n - 1)
    value = float(np.mean(by_query))
    return Crossed(
        value=value if abs(value) > smallest else 0.0,
        variance=variance if variance > smallest**2 else 0.0,
        freedom=float(freedom),
        trainings=between,
        queries=n,
    )


def _residual(table: Floats) -> float:
    """Return the variance of what neither the training nor the query explains."""
    rest = table - table.mean(axis=1, keepdims=True) - table.mean(axis=0) + table.mean()
    runs, queries = len(table), len(table[0])
    return float(np.square(rest).sum() / ((runs - 1) * (queries - 1)))


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """What a family says of one row. Its interval is to be made at 1 - `level`."""

    called: bool
    p_value: float  # of this row alone
    p_adjusted: float  # for the whole family
    level: float


def holm_steps(p_values: Sequence[float], *, alpha: float) -> list[Step]:
    """Decide about every row of a family by Holm's procedure (1979).

    The chance of any false call is at most `alpha`, however the rows go together. The level of a
    row is that at which its step tested it; the first row that is not called gives its own to all
    after it. So a t interval at this level leaves out 0 exactly if the row is called.
    """
    adjusted = holm(p_values)
    order = sorted(range(len(p_values)), key=lambda i: p_values[i])
    steps: dict[int, Step] = {}
    level, going_on = alpha, True
    for place, row in enumerate(order):
        if going_on:
            level = alpha / (len(order) - place)
        called = going_on and p_values[row] <= level
        going_on = called
        steps[row] = Step(
            called=called, p_value=p_values[row], p_adjusted=adjusted[row], level=level
        )
    return [steps[row] for row in range(len(p_values))]
