"""pytest tests/stats/test_bounded.py"""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binomtest

from sfr_eval.stats.arrays import Floats
from sfr_eval.stats.bounded import bounded_interval, effective_n, share_ends
from sfr_eval.stats.intervals import t_interval

REPEATS = 4_000


def test_outcomes_of_one_reply_have_wilsons_interval() -> None:
    """30 of 40 queries right, one reply each: nothing but the score interval of 30 / 40."""
    theirs = binomtest(30, 40).proportion_ci(method="wilson")
    low, high, method = bounded_interval([1.0] * 30 + [0.0] * 10)
    assert (low, high) == pytest.approx((theirs.low, theirs.high))
    assert method == "Wilson, effective n"


def test_all_alike_is_not_certainty() -> None:
    exact = binomtest(16, 16).proportion_ci(method="exact")
    low, high, method = bounded_interval([1.0] * 16)
    assert (low, high, method) == (pytest.approx(exact.low), 1.0, "exact")
    assert bounded_interval([0.0] * 16) == (0.0, pytest.approx(1 - exact.low), "exact")
    low, high, _ = bounded_interval([0.5] * 16)
    assert low < 0.49
    assert high > 0.51


def test_a_scale_is_moved_and_stretched() -> None:
    shares = [0.2, 0.9, 1.0, 0.7]
    low, high, _ = bounded_interval(shares)
    ratings = bounded_interval([1 + 4 * share for share in shares], low=1, high=5)
    assert ratings[:2] == pytest.approx((1 + 4 * low, 1 + 4 * high))


def test_numbers_outside_the_range_are_refused() -> None:
    with pytest.raises(ValueError, match="is not within 0 to 1"):
        bounded_interval([0.5, 1.5])
    with pytest.raises(ValueError, match="two or more"):
        bounded_interval([0.5])
    assert bounded_interval([1 + 1e-15, 1 - 1e-15]) == bounded_interval([1, 1])  # digits of a sum


@settings(deadline=None)  # the machine may be busy
@given(st.lists(st.integers(0, 360), min_size=2, max_size=60))
def test_ends_hold_the_mean_and_mirror(counts: list[int]) -> None:
    shares = [count / 360 for count in counts]
    low, high, _ = bounded_interval(shares)
    mean = math.fsum(shares) / len(shares)
    assert 0 <= low <= mean + 1e-12
    assert mean - 1e-12 <= high <= 1
    assert low < high
    if abs(mean - 0.5) > 1e-6:
        turned = bounded_interval([1 - share for share in shares])
        assert turned[:2] == pytest.approx((1 - high, 1 - low), abs=1e-6)


def test_many_numbers_in_the_middle_have_a_t_interval() -> None:
    shares = np.random.default_rng(0).beta(20, 20, 2_000).tolist()
    low, high, _ = bounded_interval(shares)
    _, *theirs = t_interval(shares)
    assert (low, high) == pytest.approx(theirs, abs=1e-4)


def test_effective_n_by_hand() -> None:
    """A share of .8 of 100 numbers with a standard error of .02: a variance of .04 of a number is a
    quarter of .16, so they are worth some 400 outcomes, less what t and the prior take off."""
    assert 360 < effective_n(0.8, 0.02, 100) < 400
    assert effective_n(0.8, 0.04 * 100 / 99, 100) == 100  # right or wrong once: no more than 100
    assert effective_n(1.0, 0.0, 7) == 7
    assert effective_n(0.5, 0.0, 7) == 7
    assert effective_n(0.5, 1e-9, 7) < 20 * 7**2


def coverage(shares: Floats, truth: float) -> float:
    low, high = share_ends(shares)
    return float(((low <= truth + 1e-12) & (truth - 1e-12 <= high)).mean())


def replies(mean: float, alike: float, k: int, n: int) -> Floats:
    """Shares of k replies of n queries, whose own shares follow a beta law with the intraclass
    correlation `alike`."""
    random = np.random.default_rng(n + k)
    a = mean * (1 / alike - 1)
    return random.binomial(k, random.beta(a, a / mean - a, (REPEATS, n))) / k


@pytest.mark.parametrize("n", [10, 16, 32, 100])
@pytest.mark.parametrize("mean", [0.5, 0.9, 0.98, 0.995])
@pytest.mark.parametrize("alike", [0.03, 0.1, 0.2])
def test_shares_of_36_replies_are_covered(mean: float, alike: float, n: int) -> None:
    """Not below .93. Above .97 only near 1 with few queries, where an interval that is hardly ever
    too high misses on one side alone."""
    covered = coverage(replies(mean, alike, 36, n), mean)
    assert covered >= 0.93 - 0.005
    assert covered <= (0.98 if n * (1 - mean) > 0.3 else 0.995)


@pytest.mark.parametrize("n", [10, 16, 32, 100])
@pytest.mark.parametrize("mean", [0.1, 0.9, 0.98, 0.995])
def test_one_reply_to_each_query_is_covered(mean: float, n: int) -> None:
    assert coverage(replies(mean, 0.3, 1, n), mean) >= 0.93


@pytest.mark.parametrize("n", [10, 16, 32, 100])
def test_rates_that_are_mostly_zero_are_covered(n: int) -> None:
    random = np.random.default_rng(n)
    for part, a, b in ((0.2, 1, 4), (0.1, 1, 1), (0.05, 1, 3)):
        rates = random.beta(a, b, (REPEATS, n)) * (random.random((REPEATS, n)) < part)
        shares = random.binomial(36, rates) / 36
        assert 0.93 <= coverage(shares, part * a / (a + b)) <= 0.99


@pytest.mark.parametrize("n", [2, 3, 5])
def test_a_handful_of_queries_is_covered(n: int) -> None:
    for mean in (0.5, 0.9, 0.98):
        assert coverage(replies(mean, 0.1, 36, n), mean) >= 0.94


def test_the_t_interval_is_what_this_replaces() -> None:
    shares = replies(0.98, 0.1, 36, 16)
    ends = [t_interval(row.tolist()) for row in shares[:500]]
    covered = np.mean([low <= 0.98 <= high for _, low, high in ends])
    assert covered < 0.87
    low, high = share_ends(shares)
    assert coverage(shares, 0.98) - covered > 0.08
    assert (high - low).mean() < 0.1
