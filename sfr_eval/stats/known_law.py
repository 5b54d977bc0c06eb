"""Draws from a known law: how far they are from it, and what draws of the law itself would give.

Symbols: a law gives answer a the probability p_a; m draws answer it c_a times, so q_a = c_a / m.
Statistics of a sample are biased, each by what chance alone does to m draws. Their expectation
under the law is exact here: each is a sum over answers of a function of c_a, which is binomial.
Whole null distributions are enumerated where that is cheap, and drawn with a fixed seed
elsewhere.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from sfr_eval.stats.arrays import Floats

DRAWS = 9_999
"""Draws of a null distribution that is not enumerated. A p-value p then has a standard error of
sqrt(p (1 - p) / 9,999): .0022 at p = .05; the smallest is .0001."""
ENUMERATED = 20_000  # up to so many possible outcomes
SEED = 20_261_130

Law = tuple[float, ...]
Statistic = Callable[[Floats, Law], Floats]
"""(counts with the answers in the last axis, law) -> its value for each sample."""


def entropy(counts: Floats, law: Law) -> Floats:
    """Return the entropy of each sample in nats; 0 if all draws are alike."""
    m = counts.sum(axis=-1, keepdims=True)
    return _terms(counts / np.maximum(m, 1.0)).sum(axis=-1)


def total_variation(counts: Floats, law: Law) -> Floats:
    """Return half the sum of |q_a - p_a|, the largest difference in the probability of an event."""
    m = counts.sum(axis=-1, keepdims=True)
    return np.asarray(0.5 * np.abs(counts / np.maximum(m, 1.0) - np.array(law)).sum(axis=-1))


def jensen_shannon(counts: Floats, law: Law) -> Floats:
    """Return the Jensen-Shannon divergence between q and p in bits, 0 to 1."""
    m = counts.sum(axis=-1, keepdims=True)
    q, p = counts / np.maximum(m, 1.0), np.array(law)
    terms = _terms((q + p) / 2) - _terms(q) / 2 - _terms(p) / 2
    return np.maximum(0.0, terms.sum(axis=-1) / math.log(2))


def likelihood_ratio(counts: Floats, law: Law) -> Floats:
    """Return sum c_a log(q_a / p_a), half of G: 0 if q = p."""
    m = counts.sum(axis=-1, keepdims=True)
    q = counts / np.maximum(m, 1.0)
    return np.asarray((-_terms(q) - q * np.log(np.array(law))).sum(axis=-1) * m[..., 0])


def distinct(counts: Floats, law: Law) -> Floats:
    """Return how many different answers each sample has."""
    return np.asarray((counts > 0).sum(axis=-1), dtype=np.float64)


def expected_distinct(law: Sequence[float], n: int) -> float:
    """Return how many different answers n draws of the law have on average:
    sum 1 - (1 - p_a)^n."""
    return math.fsum(-math.expm1(n * math.log1p(-p)) if p < 1 else 1.0 for p in law if n)


def expected(statistic: Statistic, law: Law, m: int) -> float:
    """Return the exact expectation under the law of a statistic of m >= 1 draws that is a sum over
    answers: entropy, total_variation, jensen_shannon."""
    from scipy.stats import binom

    possible = np.arange(m + 1, dtype=np.float64)
    total = 0.0
    for p, times in zip(*np.unique(np.array(law), return_counts=True), strict=True):
        chances = binom.pmf(possible, m, p)
        total += int(times) * float(chances @ _TERMS[statistic](possible / m, float(p)))
    return total


def _terms(shares: Floats) -> Floats:
    """Return -x log x, 0 at 0."""
    return np.asarray(-shares * np.log(np.where(shares > 0, shares, 1.0)))


_TERMS: dict[Statistic, Callable[[Floats, float], Floats]] = {
    entropy: lambda q, p: _terms(q),
    total_variation: lambda q, p: 0.5 * np.abs(q - p),
    jensen_shannon: lambda q, p: (
        (_terms((q + p) / 2) - _terms(q) / 2 - _terms(np.array(p)) / 2) / math.log(2)
    ),
}
"""What one answer adds to a statistic."""


_STATISTICS = (entropy, total_variation, jensen_shannon, likelihood_ratio, distinct)


@dataclass(frozen=True)
class Null:
    """What m draws of a law can give: the statistics of each outcome, and its chance."""

    law: Law
    values: Mapping[Statistic, Floats]  # one for each outcome
    chances: Floats  # sum 1
    exact: bool  # all possible outcomes; otherwise a sample of them

    def band(self, statistic: Statistic) -> tuple[float, float]:
        """Return the narrowest ends that a statistic lies beyond with a chance of at most 2.5 % on
        each side."""
        values = self.values[statistic]
        order = np.argsort(values, kind="stable")
        below = np.cumsum(self.chances[order])
        last = len(order) - 1
        low = min(last, int(np.searchsorted(below, 0.025, side="right")))
        high = min(last, int(np.searchsorted(below, 0.975 - 1e-12)))
        return float(values[order[low]]), float(values[order[high]])

    def p_value(self, counts: Sequence[int]) -> float:
        """Return the chance that draws of the law are at least as unlikely under it, against the
        best law for them, as these: the test of goodness of fit by G. Of sampled outcomes
        (1 + reached) / (1 + draws), which rejects a true law at most as often as it says."""
        observed = float(likelihood_ratio(np.array(counts, dtype=np.float64), self.law))
        reached = self.values[likelihood_ratio] >= observed - 1e-9 * max(1.0, abs(observed))
        if self.exact:
            return min(1.0, float(self.chances[reached].sum()))
        return (1 + int(reached.sum())) / (1 + len(reached))

    def draws(self, statistic: Statistic, *, size: int, seed: int) -> Floats:
        """Return the values of a statistic for `size` draws of an outcome."""
        random = np.random.default_rng(seed)
        rows = np.searchsorted(np.cumsum(self.chances)[:-1], random.random(size), side="right")
        return np.asarray(self.values[statistic][rows])


@lru_cache(maxsize=256)
def null(law: Law, m: int) -> Null:
    """Return the null distribution of m draws of a law."""
    counts, chances, exact = outcomes(law, m)
    values = {statistic: statistic(counts, law) for statistic in _STATISTICS}
    return Null(law, values, chances, exact)


def outcomes(law: Law, m: int) -> tuple[Floats, Floats, bool]:
    """Return what m draws of a law can give: counts of the answers, shape (outcomes, answers),
    their chances, and whether these are all."""
    if math.comb(m + len(law) - 1, len(law) - 1) <= ENUMERATED:
        counts = _compositions(m, len(law))
        return counts, _chances(counts, law), True
    random = np.random.default_rng((SEED, m, len(law)))
    counts = random.multinomial(m, np.array(law) / math.fsum(law), size=DRAWS).astype(np.float64)
    return counts, np.full(DRAWS, 1 / DRAWS), False


def _compositions(m: int, parts: int) -> Floats:
    """Return all ways to give m draws to `parts` answers."""
    rows = np.zeros((1, 0), dtype=np.int64)
    for _ in range(parts - 1):
        left = m - rows.sum(axis=1)
        repeats = left + 1
        first = np.concatenate([np.arange(count) for count in repeats])
        rows = np.column_stack([np.repeat(rows, repeats, axis=0), first])
    return np.column_stack([rows, m - rows.sum(axis=1)]).astype(np.float64)


def _chances(counts: Floats, law: Law) -> Floats:
    from scipy.special import gammaln

    m = counts.sum(axis=-1)
    logs = gammaln(m + 1) - gammaln(counts + 1).sum(axis=-1) + counts @ np.log(np.array(law))
    chances = np.exp(logs)
    return np.asarray(chances / chances.sum())
