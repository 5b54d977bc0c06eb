"""pytest tests/stats/test_intervals.py"""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sfr_eval.stats.estimate import signature_text
from sfr_eval.stats.intervals import (
    BCA_FROM,
    EXPANDED_FROM,
    bca_ends,
    bootstrap_means,
    difference_interval,
    mean_interval,
    t_interval,
)
from sfr_eval.stats.jackknife import error_of, left_out, subsets
from sfr_eval.stats.pass_at_k import pass_at_k
from sfr_eval.stats.rarefaction import absence


def test_method_changes_at_fifty_units() -> None:
    numbers = np.random.default_rng(0).exponential(size=BCA_FROM).tolist()
    assert mean_interval(numbers[:-1]).method == "t"
    found = mean_interval(numbers)
    assert found.method == "BCa, 2000 draws"
    assert found.low is not None
    assert found.high is not None
    assert found.low < found.value < found.high
    # A long right tail: the BCa interval reaches further up than down, which t never does.
    assert found.high - found.value > 1.05 * (found.value - found.low)


def test_bca_equals_scipy() -> None:
    from scipy.stats import bootstrap

    numbers = np.random.default_rng(1).exponential(size=80)
    peer = bootstrap(
        (numbers,), np.mean, n_resamples=20_000, method="BCa", rng=np.random.default_rng(2)
    ).confidence_interval
    left_out = (numbers.sum() - numbers) / 79
    ends = bca_ends(numbers.mean(), bootstrap_means(numbers, draws=20_000), left_out)
    # Both draw 20,000 times; an end's Monte Carlo error is about 1% of the interval.
    assert ends == pytest.approx((peer.low, peer.high), abs=0.04 * (peer.high - peer.low))


def test_equal_and_single_numbers() -> None:
    assert mean_interval([0.5] * 60).low == mean_interval([0.5] * 60).high == 0.5
    assert mean_interval([2.0]).low is None
    with pytest.raises(ValueError, match="no number"):
        mean_interval([])


def test_differences_have_a_t_interval_at_any_number() -> None:
    numbers = np.random.default_rng(4).lognormal(size=BCA_FROM).tolist()
    found = difference_interval(numbers)
    assert (found.value, found.low, found.high) == t_interval(numbers)
    assert found.method == "t"
    assert difference_interval([2.0]).low is None
    assert difference_interval([1.0, 1.0]).low == 1.0


def test_long_tailed_differences_of_equal_sides_hold_zero() -> None:
    random = np.random.default_rng(5)
    first, second = random.lognormal(0, 1.2, (2, 300, 60))
    ends = [difference_interval(row.tolist()) for row in second - first]
    missed = sum(each.low > 0 or each.high < 0 for each in ends if each.low and each.high)
    assert missed <= 24  # of 300 at 5 %: P(more) = .01; BCa misses 43


def test_expansion_gives_the_ends_that_drawing_tends_to() -> None:
    numbers = np.random.default_rng(3).exponential(size=EXPANDED_FROM) ** 2  # skewness about 6
    left_out = (numbers.sum() - numbers) / (len(numbers) - 1)
    draws = bootstrap_means(numbers, draws=20_000)
    low, high = bca_ends(numbers.mean(), draws, left_out)
    found = mean_interval(numbers.tolist())
    assert found.method == "BCa, expanded"
    assert (found.low, found.high) == pytest.approx((low, high), abs=0.02 * (high - low))
    # The right tail is long, and both say so; a symmetric interval would not.
    assert found.low is not None
    assert found.high is not None
    assert (found.high - found.value) / (found.value - found.low) > 1.1


def test_draws_that_equal_the_value_but_for_rounding_count_half() -> None:
    """Two numbers: half of the resampled means are the mean itself. Counted as below or above, a
    bias of a quarter of the draws would move both ends."""
    low, high = bca_ends(0.5, [0.1, 0.5 - 1e-16, 0.5 - 1e-16, 0.9], [0.9, 0.1])
    assert 0.5 - low == pytest.approx(high - 0.5)


@settings(max_examples=25, deadline=None)
@given(st.lists(st.floats(-1e3, 1e3), min_size=2, max_size=120))
def test_an_interval_holds_its_own_value(numbers: list[float]) -> None:
    found = mean_interval(numbers)
    assert found.low is not None
    assert found.high is not None
    slack = 1e-9 * (1 + abs(found.value))
    assert found.low - slack <= found.value <= found.high + slack


def test_pass_at_k_of_the_worked_example() -> None:
    assert pass_at_k(10, 3, 1) == pytest.approx(0.3)
    assert pass_at_k(10, 3, 5) == pytest.approx(0.916667, abs=5e-7)
    assert pass_at_k(10, 8, 3) == 1.0
    assert pass_at_k(10, 0, 3) == 0.0
    assert pass_at_k(10, 3, 11) is None


@given(st.integers(1, 40), st.data())
def test_pass_at_k_is_the_share_of_subsets(n: int, data: st.DataObject) -> None:
    c, k = data.draw(st.integers(0, n)), data.draw(st.integers(1, n))
    assert pass_at_k(n, c, k) == pytest.approx(1 - math.comb(n - c, k) / math.comb(n, k), abs=1e-12)


@given(st.lists(st.integers(1, 9), min_size=1, max_size=8), st.data())
def test_absence_equals_binomials(sizes: list[int], data: st.DataObject) -> None:
    n = sum(sizes)
    m = data.draw(st.integers(0, n))
    expected = [math.comb(n - size, m) / math.comb(n, m) for size in sizes]
    np.testing.assert_allclose(absence(sizes, n, m), expected, atol=1e-12)
    found = float((1 - absence(sizes, n, m)).sum())
    assert -1e-9 <= found <= min(m, len(sizes)) + 1e-9
    assert float((1 - absence(sizes, n, n)).sum()) == pytest.approx(len(sizes))


@pytest.mark.parametrize(("d", "tolerance"), [(1, 1e-9), (3, 1e-9), (5, 0.15)])
def test_jackknife_of_a_mean_is_its_standard_error(d: int, tolerance: float) -> None:
    """Exactly over all subsets; within 15% over 400 random ones of the 792."""
    numbers = np.random.default_rng(4).standard_normal(12)
    means = [numbers[list(kept)].mean() for kept in subsets(12, 12 - d)]
    expected = np.std(numbers, ddof=1) / math.sqrt(12)
    assert error_of(means, n=12, d=d) == pytest.approx(expected, rel=tolerance)
    assert left_out(12) == 3


def test_signatures_tell_settings_apart_and_cut_digests() -> None:
    text = signature_text("m", "2", {"tokenizer": "words-v1", "n": 4, "f": "sha256:" + "ab" * 32})
    assert text == "m|version:2|tokenizer:words-v1|n:4|f:sha256:abababababab"
    assert signature_text("m", "2", {"n": 3}) != signature_text("m", "2", {"n": 4})
