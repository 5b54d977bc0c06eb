"""pytest tests/stats/test_bootstrap.py"""

import numpy as np
import pytest
from scipy.stats import binomtest, bootstrap

from sfr_eval.stats.bootstrap import bootstrap_interval
from sfr_eval.stats.bounded import bounded_interval


def test_it_agrees_with_scipy() -> None:
    numbers = np.random.default_rng(3).beta(0.5, 1.5, 60)
    theirs = bootstrap(
        (numbers,), np.mean, n_resamples=10_000, method="BCa", random_state=0
    ).confidence_interval
    low, high, method = bootstrap_interval(numbers.tolist())
    assert method == "BCa, 10000 draws"
    assert low == pytest.approx(theirs.low, abs=0.004)
    assert high == pytest.approx(theirs.high, abs=0.004)


def test_equal_runs_in_any_order_have_equal_intervals() -> None:
    numbers = [0.0, 0.2, 0.5, 1.0, 1.0, 0.1]
    assert bootstrap_interval(numbers) == bootstrap_interval(list(numbers))
    assert bootstrap_interval([1 - x for x in numbers])[0] == pytest.approx(
        1 - bootstrap_interval(numbers)[1], abs=0.02
    )


def test_no_success_at_all_is_not_certainty() -> None:
    low, high, method = bootstrap_interval([0.0] * 20)
    exact = binomtest(0, 20).proportion_ci(0.95, method="exact")
    assert (low, method) == (0.0, "exact")
    assert high == pytest.approx(exact.high, abs=1e-12)
    assert bootstrap_interval([1.0] * 20)[:2] == pytest.approx((1 - exact.high, 1.0))
    assert bootstrap_interval([0.0] * 20, ceiling=5)[1] == pytest.approx(5 * exact.high)


def test_equal_numbers_between_the_bounds_are_not_certainty() -> None:
    assert bootstrap_interval([0.5] * 60) == bounded_interval([0.5] * 60)
    assert bootstrap_interval([2.5] * 60, ceiling=5) == bounded_interval([2.5] * 60, high=5)


def test_one_number_has_no_interval() -> None:
    with pytest.raises(ValueError, match="two or more"):
        bootstrap_interval([0.3])


def test_many_units_of_a_symmetric_law_have_the_normal_interval() -> None:
    numbers = np.random.default_rng(0).random(2_500)
    low, high, method = bootstrap_interval(numbers.tolist())
    assert method == "BCa, expanded"
    half = 1.959964 * numbers.std(ddof=1) / 50
    assert (low, high) == pytest.approx((numbers.mean() - half, numbers.mean() + half), abs=1e-4)
