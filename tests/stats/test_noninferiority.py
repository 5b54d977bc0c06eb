"""pytest tests/stats/test_noninferiority.py"""

from collections.abc import Callable

import numpy as np
import pytest
from scipy.stats import ttest_1samp

from sfr_eval.stats.arrays import Floats
from sfr_eval.stats.noninferiority import (
    patchy_loss_p,
    positive_mean_p,
    smallest_patch_tolerance,
)
from sfr_eval.stats.permutation import sign_flip_p_values

TOLERANCE, LARGEST, REPEATS = 0.05, 0.5, 400
Draw = Callable[[np.random.Generator, int, float], Floats]


def test_without_skewness_it_is_the_t_test() -> None:
    numbers = [0.3, -0.1, 0.1, 0.2, 0.2, 0.3, 0.5, 0.1]  # symmetric about .2
    theirs = ttest_1samp(numbers, 0, alternative="greater").pvalue
    assert positive_mean_p(numbers) == pytest.approx(theirs)
    assert positive_mean_p([-n for n in numbers]) == pytest.approx(1 - theirs)


def test_a_tail_of_losses_makes_a_mean_less_certain() -> None:
    losses = [0.1] * 18 + [-0.4, -0.5]
    turned = [2 * np.mean(losses) - number for number in losses]  # the same mean and spread
    assert positive_mean_p(losses) > positive_mean_p(turned)
    assert positive_mean_p([0.1, 0.1]) == 0
    assert positive_mean_p([-0.1, -0.1]) == positive_mean_p([0.0, 0.0]) == 1


def test_a_patch_that_may_have_escaped_by_hand() -> None:
    """16 equal queries: a tenth of them losing .5 escapes with a chance of .9^16 = .185."""
    assert patchy_loss_p([0.0] * 16, tolerance=0.05, largest=0.5) == pytest.approx(0.9**16)
    # One loss among 50: 50 * .1 * .9^49 + .9^50.
    one = [0.0] * 49 + [-0.5]
    expected = 50 * 0.1 * 0.9**49 + 0.9**50
    assert patchy_loss_p(one, tolerance=0.05, largest=0.5) == pytest.approx(expected)
    assert patchy_loss_p([0.0] * 16, tolerance=0.0, largest=0.5) == 0
    noise = np.random.default_rng(0).normal(0, 0.3, 16).tolist()
    assert patchy_loss_p(noise, tolerance=0.05, largest=0.5) == 0  # nothing would stand out


def test_the_smallest_tolerance_is_just_shown() -> None:
    for n in (16, 50):
        least = smallest_patch_tolerance(n, largest=0.5, alpha=0.05)
        assert patchy_loss_p([0.0] * n, tolerance=1.01 * least, largest=0.5) < 0.05
        assert patchy_loss_p([0.0] * n, tolerance=0.99 * least, largest=0.5) > 0.05


def uniform(random: np.random.Generator, n: int, noise: float) -> Floats:
    return -TOLERANCE + random.normal(0, noise, n)


def patchy(random: np.random.Generator, n: int, noise: float) -> Floats:
    return -0.5 * (random.random(n) < 0.1) + random.normal(0, noise, n)


def skewed(random: np.random.Generator, n: int, noise: float) -> Floats:
    return -random.exponential(TOLERANCE, n) + random.normal(0, noise / 4, n)


@pytest.mark.parametrize("n", [16, 20, 50])
@pytest.mark.parametrize("noise", [0.02, 0.1, 0.2])
@pytest.mark.parametrize("draw", [uniform, patchy, skewed])
def test_a_loss_of_the_tolerance_rarely_passes(draw: Draw, noise: float, n: int) -> None:
    """Nominal 5 %; 400 repeats have a standard error of 1.1 %."""
    random = np.random.default_rng(n)
    gains = [draw(random, n, noise) for _ in range(REPEATS)]
    flips = sign_flip_p_values([one + TOLERANCE for one in gains], alternative="greater", flips=999)
    passed = 0
    for one, flipped in zip(gains, flips, strict=True):
        patch = patchy_loss_p(one.tolist(), tolerance=TOLERANCE, largest=LARGEST)
        passed += max(flipped, positive_mean_p((one + TOLERANCE).tolist()), patch) <= 0.05
    assert passed / REPEATS <= 0.075


def test_flips_alone_would_pass_patchy_losses() -> None:
    random = np.random.default_rng(1)
    rows = [patchy(random, 16, 0.02) + TOLERANCE for _ in range(REPEATS)]
    flips = np.array(sign_flip_p_values(rows, alternative="greater", flips=999))
    assert (flips <= 0.05).mean() > 0.13


def test_equal_runs_pass_where_the_queries_suffice() -> None:
    random = np.random.default_rng(2)
    passed = 0
    for _ in range(REPEATS):
        gains = random.normal(0, 0.1, 148)
        patch = patchy_loss_p(gains.tolist(), tolerance=TOLERANCE, largest=LARGEST)
        passed += max(positive_mean_p((gains + TOLERANCE).tolist()), patch) <= 0.05
    assert passed / REPEATS > 0.97
