"""pytest tests/stats/test_curves.py"""

from functools import partial

import numpy as np
import pytest

from sfr_eval.stats.arrays import Floats
from sfr_eval.stats.curves import curve_difference, whole_curve
from sfr_eval.stats.frontier import diversity_at, diversity_at_part, hypervolume


def generator() -> np.random.Generator:
    return np.random.default_rng(0)


def test_undefined_says_why() -> None:
    none = np.zeros((0, 3))
    assert whole_curve(none, none, hypervolume, generator=generator()).method == "none: no query"
    one = np.ones((1, 3))
    found = whole_curve(one, one, hypervolume, generator=generator())
    assert (found.value, found.low, found.method) == (1, None, "none: one query")
    too_high = whole_curve(one, one, partial(diversity_at, level=2.0), generator=generator())
    assert too_high.value is None
    assert too_high.method == "none: quality not reached"
    pair = (one, one)
    found = curve_difference(pair, pair, partial(diversity_at, level=2.0), generator=generator())
    assert found.method == "none: quality not reached"


def test_a_level_that_some_queries_miss_has_an_interval() -> None:
    """Only the first query reaches the level: without it, the best quality stands for the level."""
    quality = np.array([[0.9], [0.5], [0.5]])
    functional = partial(diversity_at, level=0.6)
    found = whole_curve(quality, quality, functional, generator=generator())
    assert found.value == pytest.approx(1.9 / 3)
    assert found.low is not None
    assert found.low < 0.5


@pytest.mark.parametrize("n", [12, 80])
def test_a_curve_of_one_point_has_the_interval_of_a_mean(n: int) -> None:
    """With one setting and quality 1 the hypervolume is the mean diversity: compare with t."""
    from scipy import stats

    diversity = np.random.default_rng(n).gamma(4, 0.1, (n, 1))
    found = whole_curve(np.ones((n, 1)), diversity, hypervolume, generator=generator())
    mean, error = diversity.mean(), stats.sem(diversity[:, 0])
    low, high = stats.t.interval(0.95, n - 1, loc=mean, scale=error)
    assert found.value == pytest.approx(mean)
    assert found.low == pytest.approx(low)
    assert found.high == pytest.approx(high)
    assert found.method == "jackknife t, less optimism"


def test_bca_equals_scipy() -> None:
    from scipy import stats

    diversity = np.random.default_rng(3).gamma(1.0, 0.3, (60, 1))
    zero = np.ones((60, 1)), np.zeros((60, 1))
    found = curve_difference(
        zero, (np.ones((60, 1)), diversity), hypervolume, generator=generator(), draws=20_000
    )
    theirs = stats.bootstrap(
        (diversity[:, 0],), np.mean, n_resamples=20_000, method="BCa", rng=1
    ).confidence_interval
    assert found.low == pytest.approx(theirs.low, abs=0.005)
    assert found.high == pytest.approx(theirs.high, abs=0.005)


def test_same_curve_twice_has_no_difference() -> None:
    quality, diversity = np.random.default_rng(0).random((2, 20, 4))
    pair = (quality, diversity)
    found = curve_difference(pair, pair, hypervolume, generator=generator())
    assert (found.value, found.low, found.high) == (0, 0, 0)
    for other in ((quality[:3], diversity[:3]), (quality[:, :3], diversity[:, :3])):
        with pytest.raises(ValueError, match="same queries and settings"):
            curve_difference(pair, other, hypervolume, generator=generator())


def test_pairing_by_query_makes_differences_sharp() -> None:
    random = np.random.default_rng(0)
    hard = random.normal(0, 0.2, (40, 1))  # a query is hard for both models
    quality = np.clip(np.array([[0.9, 0.7, 0.5]]) + hard, 0, 2)
    diversity = np.tile([[0.2, 0.4, 0.6]], (40, 1)) + random.normal(0, 0.01, (40, 3))
    better = (quality, diversity + 0.05)
    difference = curve_difference((quality, diversity), better, hypervolume, generator=generator())
    alone = whole_curve(quality, diversity, hypervolume, generator=generator())
    assert difference.low is not None
    assert difference.high is not None
    assert alone.low is not None
    assert alone.high is not None
    assert difference.low > 0
    assert difference.high - difference.low < (alone.high - alone.low) / 2


FLAT = np.array([[0.8] * 8, [0.5] * 8])
FALLING = np.stack([0.95 - 0.75 * np.linspace(0, 1, 8) ** 2, 0.15 + 0.6 * np.linspace(0, 1, 8)])
BENT = np.stack([np.minimum(0.9, 1.4 - np.linspace(0, 1, 8)), 0.3 + 0.3 * np.linspace(0, 1, 8)])


def noisy(means: Floats, n: int, random: np.random.Generator) -> Floats:
    """Return (quality, diversity) of n queries around a curve: an effect of the query on each axis,
    and noise at each setting."""
    query = random.normal(0, [[[0.1]], [[0.08]]], (2, n, 1))
    own = random.normal(0, [[[0.06]], [[0.05]]], (2, n, means.shape[1]))
    return means[:, None] + query + own


@pytest.mark.parametrize("n", [16, 60])
@pytest.mark.parametrize("means", [FLAT, FALLING, BENT], ids=["flat", "falling", "bent"])
def test_intervals_cover(means: Floats, n: int) -> None:
    """95 % nominal; 400 repeats have a standard error of 1.1 %. A flat curve has the most maxima to
    choose from by chance: a jackknife interval around the plain value covers 80 to 90 %."""
    random = np.random.default_rng(n)
    functionals = (hypervolume, *(partial(diversity_at_part, part=part) for part in (0.5, 0.9)))
    for functional in functionals:
        truth = float(functional(*means))
        hits, errors = 0, []
        for _ in range(400):
            found = whole_curve(*noisy(means, n, random), functional, generator=random)
            assert found.value is not None
            assert found.low is not None
            assert found.high is not None
            assert found.low <= found.value <= found.high
            hits += found.low <= truth <= found.high
            errors.append(found.value - truth)
        assert 0.92 <= hits / 400 <= 0.985
        assert abs(np.mean(errors)) < (0.006 if functional is hypervolume else 0.012)


def test_the_best_of_a_flat_curve_is_not_too_good() -> None:
    random = np.random.default_rng(1)
    curves = [noisy(FLAT, 16, random) for _ in range(200)]
    plain = [float(hypervolume(q.mean(axis=0), d.mean(axis=0))) for q, d in curves]
    found = [whole_curve(*one, hypervolume, generator=random).value or 0.0 for one in curves]
    assert np.mean(plain) - 0.4 > 0.015
    assert abs(np.mean(found) - 0.4) < 0.005


@pytest.mark.parametrize("n", [16, 60])
def test_equal_models_rarely_differ(n: int) -> None:
    """Two runs of one model: 5 % nominal, in both directions together."""
    random = np.random.default_rng(n)
    for functional in (hypervolume, partial(diversity_at, level=0.75)):
        alarms = 0
        for _ in range(300):
            query = random.normal(0, 0.1, (2, n, 1))
            first, second = (
                FLAT[:, None] + query + random.normal(0, 0.06, (2, n, 8)) for _ in range(2)
            )
            found = curve_difference(
                (first[0], first[1]),
                (second[0], second[1]),
                functional,
                generator=random,
                draws=500,
            )
            assert found.low is not None
            assert found.high is not None
            alarms += not found.low <= 0 <= found.high
        assert alarms / 300 <= 0.075
