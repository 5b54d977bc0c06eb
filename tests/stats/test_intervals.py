"""pytest tests/stats/test_intervals.py"""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sfr_eval.stats import pass_at_k
from sfr_eval.stats.estimate import signature_text
from sfr_eval.stats.intervals import (
    BCA_FROM,
    EXPANDED_FROM,
    bca_ends,
    bootstrap_means,
    mean_interval,
)
from sfr_eval.stats.jackknife import delete_d_jackknife
from sfr_eval.stats.paired import holm, paired_difference, sign_flip_test
from sfr_eval.stats.rarefaction import absence, expected_classes


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


def test_many_units_have_the_ends_that_drawing_tends_to() -> None:
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
    found = expected_classes(sizes, m)
    assert -1e-9 <= found <= min(m, len(sizes)) + 1e-9
    assert expected_classes(sizes, n) == pytest.approx(len(sizes))


def test_delete_d_jackknife_of_a_mean_is_its_standard_error() -> None:
    numbers = np.random.default_rng(4).standard_normal(12).tolist()
    se = np.std(numbers, ddof=1) / math.sqrt(12)
    mean = lambda kept: sum(kept) / len(kept)  # noqa: E731
    # Over all subsets it is exact for a mean, whatever d.
    assert delete_d_jackknife(mean, numbers, d=1) == pytest.approx(se)
    assert delete_d_jackknife(mean, numbers, d=3) == pytest.approx(se)
    assert delete_d_jackknife(mean, numbers) == pytest.approx(se, rel=0.15)  # d = 3: all 220
    assert delete_d_jackknife(mean, numbers[:2]) is None
    assert delete_d_jackknife(lambda kept: None, numbers) is None


def test_sign_flips_exact_and_drawn() -> None:
    # All of 2^4 signs: only all plus and all minus reach |10|.
    assert sign_flip_test([1, 2, 3, 4]) == pytest.approx(2 / 16)
    assert sign_flip_test([0.0, 0.0]) == 1.0
    ones = [1.0] * 20
    assert sign_flip_test(ones) == pytest.approx(1e-4)  # the least that 9,999 flips can show
    noise = np.random.default_rng(5).standard_normal(60).tolist()
    assert sign_flip_test(noise) > 0.05


def test_sign_flips_reject_five_percent_of_nothing() -> None:
    random = np.random.default_rng(6)
    hits = sum(sign_flip_test(random.standard_normal(8).tolist()) <= 0.05 for _ in range(600))
    assert 0.02 < hits / 600 < 0.08  # 3 sigma of 600 are 2.7%


def test_paired_difference_sees_through_the_queries() -> None:
    random = np.random.default_rng(7)
    first = {f"q{i}": float(v) for i, v in enumerate(random.normal(0, 10, 30))}
    second = {q: v + 0.5 + random.normal(0, 0.2) for q, v in first.items()} | {"extra": 1.0}
    found = paired_difference(first, second)
    assert (found.n, found.unpaired, found.method) == (30, 1, "paired t")
    assert found.low is not None
    assert found.high is not None
    assert 0.3 < found.low < 0.5 < found.high < 0.7
    assert found.p_value is not None
    assert found.p_value < 0.001
    assert paired_difference({"a": 1.0}, {"b": 1.0}).method == "none: no query in both"


def test_holm_of_a_worked_example() -> None:
    # Sorted .01 .02 .03 .04: times 4, 3, 2, 1 = .04 .06 .06 .04, then never falling.
    assert holm([0.04, 0.01, 0.03, 0.02]) == pytest.approx([0.06, 0.04, 0.06, 0.06])
    assert holm([]) == []
    assert holm([0.9, 0.8]) == [1.0, 1.0]


def test_signatures_tell_settings_apart_and_cut_digests() -> None:
    text = signature_text("m", "2", {"tokenizer": "words-v1", "n": 4, "f": "sha256:" + "ab" * 32})
    assert text == "m|version:2|tokenizer:words-v1|n:4|f:sha256:abababababab"
    assert signature_text("m", "2", {"n": 3}) != signature_text("m", "2", {"n": 4})
