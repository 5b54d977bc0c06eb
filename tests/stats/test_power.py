"""pytest tests/stats/test_power.py"""

import math

import numpy as np
import pytest
from scipy.stats import binomtest, t

from sfr_eval.stats.permutation import sign_flip_p_values
from sfr_eval.stats.power import lattice_step, smallest_visible


def test_worked_example() -> None:
    """Differences 0.1, -0.1 ten times each: sd .1026, standard error .02294, n = 20. Two-sided .05
    and power .8: t19 quantiles 2.0930 and 0.8610, so 2.954 * .02294 = .06777."""
    values = [0.1, -0.1] * 10
    assert smallest_visible(values, alpha=0.05) == pytest.approx(0.06777, abs=1e-4)


def test_without_spread_only_steps_give_an_answer() -> None:
    assert smallest_visible([0.3], alpha=0.05) is None
    assert smallest_visible([0.0] * 30, alpha=0.05) is None
    found = smallest_visible([0.0] * 100, alpha=0.05, sides=1, step=1.0)
    # An exact one-sided test needs 5 losses: 2^-5 = .031.
    assert found is not None
    losses = math.ceil(100 * found)
    assert binomtest(losses, losses, 0.5, alternative="greater").pvalue < 0.05


@pytest.mark.parametrize("n", [25, 120])
def test_the_power_is_as_printed(n: int) -> None:
    """1,000 sets of differences with exactly the difference that is printed for them."""
    random = np.random.default_rng(n)
    base = random.normal(scale=0.2, size=n)
    visible = smallest_visible((base - base.mean()) / base.std(ddof=1) * 0.2, alpha=0.05)
    assert visible == pytest.approx(
        0.2 / math.sqrt(n) * (t.ppf(0.975, n - 1) + t.ppf(0.8, n - 1)), rel=1e-6
    )
    rows = random.normal(loc=visible, scale=0.2, size=(1_000, n)).tolist()
    found = np.array(sign_flip_p_values(rows, flips=1_999))
    assert 0.76 < (found <= 0.05).mean() < 0.84


def test_steps_are_seen_in_shares_only() -> None:
    assert lattice_step([0.0, 0.25, 1.0], size=4) == 0.25
    assert lattice_step([0.0, 0.3, 1.0], size=4) == 0.0
    assert lattice_step([0.0, 2.0], size=4) == 0.0
    assert lattice_step([0.5], size=0) == 0.0
