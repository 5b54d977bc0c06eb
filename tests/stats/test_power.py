"""pytest tests/stats/test_power.py"""

import math

import numpy as np
import pytest
from scipy.integrate import quad
from scipy.stats import binomtest, chi2, nct, t

from sfr_eval.stats.permutation import sign_flip_p_values
from sfr_eval.stats.power import lattice_step, smallest_visible


def test_with_many_differences_it_is_the_normal_formula() -> None:
    """5,000 differences with standard deviation .1: (1.960 + .842) * .1 / sqrt(5000)."""
    values = np.random.default_rng(0).normal(size=5_000)
    values = (values - values.mean()) / values.std(ddof=1) * 0.1
    expected = (1.959964 + 0.841621) * 0.1 / math.sqrt(5_000)
    assert smallest_visible(values.tolist(), alpha=0.05) == pytest.approx(expected, rel=2e-3)


def test_few_differences_by_an_independent_integral() -> None:
    """0.1 and -0.1 ten times each: standard error .02294, n = 20. The power at the result, averaged
    over a spread of 19 degrees of freedom by adaptive quadrature, is .8."""
    visible = smallest_visible([0.1, -0.1] * 10, alpha=0.05)
    assert visible is not None
    errors = visible / 0.0229416
    power, _ = quad(
        lambda x: nct.sf(t.ppf(0.975, 19), 19, errors * math.sqrt(x / 19)) * chi2.pdf(x, 19), 1, 60
    )
    assert power == pytest.approx(0.8, abs=2e-3)


def test_without_spread_only_steps_give_an_answer() -> None:
    assert smallest_visible([0.3], alpha=0.05) is None
    assert smallest_visible([0.0] * 30, alpha=0.05) is None
    found = smallest_visible([0.0] * 100, alpha=0.05, sides=1, step=1.0)
    # An exact one-sided test needs 5 losses: 2^-5 = .031.
    assert found is not None
    losses = math.ceil(100 * found)
    assert binomtest(losses, losses, 0.5, alternative="greater").pvalue < 0.05


@pytest.mark.parametrize("n", [16, 25, 120])
def test_the_power_is_as_printed(n: int) -> None:
    """Differences of 1,000 equal pairs of runs, each with a true difference as large as what was
    printed for another pair."""
    random = np.random.default_rng(n)
    printed = [smallest_visible(random.normal(scale=0.2, size=n), alpha=0.05) for _ in range(1_000)]
    shifts = np.array(printed, dtype=np.float64)[:, None]
    rows = (random.normal(scale=0.2, size=(1_000, n)) + shifts).tolist()
    found = np.array(sign_flip_p_values(rows, flips=1_999))
    assert 0.76 < (found <= 0.05).mean() < 0.84


def test_steps_are_seen_in_shares_only() -> None:
    assert lattice_step([0.0, 0.25, 1.0], size=4) == 0.25
    assert lattice_step([0.0, 0.3, 1.0], size=4) == 0.0
    assert lattice_step([0.0, 2.0], size=4) == 0.0
    assert lattice_step([0.5], size=0) == 0.0
