"""pytest tests/stats/test_frontier.py"""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sfr_eval.stats.frontier import (
    curve_difference,
    diversity_at,
    frontier,
    hypervolume,
    whole_curve,
)

# Cold is good and narrow, hot is broad and bad; the third point is worse than the second.
QUALITY = np.array([0.9, 0.8, 0.7, 0.2])
DIVERSITY = np.array([0.1, 0.5, 0.4, 0.9])


def generator() -> np.random.Generator:
    return np.random.default_rng(0)


def test_frontier_omits_points_that_another_dominates() -> None:
    assert frontier(QUALITY, DIVERSITY) == [0, 1, 3]
    assert frontier(np.array([0.5, 0.5]), np.array([0.5, 0.5])) == [0, 1]
    assert frontier(np.array([0.5, 0.5]), np.array([0.5, 0.6])) == [1]


def test_hypervolume_by_hand() -> None:
    # Qualities up to .2 are had at diversity .9, up to .8 at .5, up to .9 at .1.
    expected = 0.2 * 0.9 + (0.8 - 0.2) * 0.5 + (0.9 - 0.8) * 0.1
    assert hypervolume(QUALITY, DIVERSITY) == pytest.approx(expected)
    assert hypervolume(np.array([0.5]), np.array([0.4])) == pytest.approx(0.2)
    assert hypervolume(np.array([-1.0]), np.array([0.4])) == 0


def test_diversity_at_a_quality_by_hand() -> None:
    assert diversity_at(QUALITY, DIVERSITY, 0.8) == pytest.approx(0.5)
    # .45 lies half way between the third and the fourth point: (.4 + .9) / 2.
    assert diversity_at(QUALITY, DIVERSITY, 0.45) == pytest.approx(0.65)
    assert diversity_at(QUALITY, DIVERSITY, 0.85) == pytest.approx(0.3)
    assert diversity_at(QUALITY, DIVERSITY, 0.1) == pytest.approx(0.9)
    assert np.isnan(diversity_at(QUALITY, DIVERSITY, 0.95))
    assert diversity_at(np.array([0.9]), np.array([0.3]), 0.5) == pytest.approx(0.3)


@settings(deadline=None)  # the machine may be busy
@given(st.integers(0, 10_000), st.integers(1, 6))
def test_hypervolume_is_the_area_found_by_throwing_darts(seed: int, points: int) -> None:
    random = np.random.default_rng(seed)
    quality, diversity = random.random((2, points))
    axis = (np.arange(200) + 0.5) / 200
    inside = np.zeros((200, 200), dtype=bool)
    for q, d in zip(quality, diversity, strict=True):
        inside |= (axis[:, None] <= q) & (axis[None, :] <= d)
    assert hypervolume(quality, diversity) == pytest.approx(inside.mean(), abs=0.02)
    turned = random.permutation(points)
    assert hypervolume(quality[turned], diversity[turned]) == pytest.approx(
        float(hypervolume(quality, diversity))
    )
    best = frontier(quality, diversity)
    assert hypervolume(quality[best], diversity[best]) == pytest.approx(
        float(hypervolume(quality, diversity))
    )


@settings(deadline=None)  # the machine may be busy
@given(st.integers(0, 10_000), st.floats(0.05, 0.95))
def test_matched_diversity_is_the_best_on_a_finely_drawn_line(seed: int, level: float) -> None:
    random = np.random.default_rng(seed)
    quality, diversity = random.random((2, 5))
    fine = np.linspace(0, 4, 40_001)
    q, d = (np.interp(fine, np.arange(5), values) for values in (quality, diversity))
    found = diversity_at(quality, diversity, level)
    if np.isnan(found):
        assert quality.max() < level
    else:
        assert found == pytest.approx(d[q >= level].max(initial=-1), abs=2e-3)


def test_many_curves_at_once_are_the_same_as_one_by_one() -> None:
    quality, diversity = np.random.default_rng(0).random((2, 30, 6))
    for functional in (hypervolume, lambda q, d: diversity_at(q, d, 0.7)):
        alone = [functional(q, d) for q, d in zip(quality, diversity, strict=True)]
        np.testing.assert_allclose(functional(quality, diversity), alone, equal_nan=True)


def test_undefined_says_why() -> None:
    none = np.zeros((0, 3))
    assert whole_curve(none, none, hypervolume, generator=generator()).method == "none: no query"
    one = np.ones((1, 3))
    found = whole_curve(one, one, hypervolume, generator=generator())
    assert (found.value, found.low, found.method) == (1, None, "none: one query")
    too_high = whole_curve(one, one, lambda q, d: diversity_at(q, d, 2.0), generator=generator())
    assert too_high.value is None
    assert too_high.method == "none: quality not reached"
    # Only the first query reaches the level: without it the curve never does.
    quality = np.array([[0.9], [0.5], [0.5]])
    found = whole_curve(
        quality, quality, lambda q, d: diversity_at(q, d, 0.6), generator=generator()
    )
    assert found.value is not None
    assert found.low is None
    assert "without one of the queries" in found.method


@pytest.mark.parametrize("n", [12, 80])
def test_a_curve_of_one_point_has_the_interval_of_a_mean(n: int) -> None:
    """With one setting and quality 1 the hypervolume is the mean diversity: compare with t."""
    from scipy import stats

    diversity = np.random.default_rng(n).gamma(4, 0.1, (n, 1))
    found = whole_curve(np.ones((n, 1)), diversity, hypervolume, generator=generator())
    mean, error = diversity.mean(), stats.sem(diversity[:, 0])
    low, high = stats.t.interval(0.95, n - 1, loc=mean, scale=error)
    assert found.value == pytest.approx(mean)
    tolerance = 1e-9 if n < 50 else 0.15 * (high - low)
    assert found.low == pytest.approx(low, abs=tolerance)
    assert found.high == pytest.approx(high, abs=tolerance)
    assert found.method == ("jackknife t" if n < 50 else "BCa, 2000 draws")


def test_bca_equals_scipy() -> None:
    from scipy import stats

    diversity = np.random.default_rng(3).gamma(1.0, 0.3, (60, 1))
    found = whole_curve(
        np.ones((60, 1)), diversity, hypervolume, generator=generator(), draws=20_000
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
    with pytest.raises(ValueError, match="same queries"):
        curve_difference(pair, (quality[:3], diversity[:3]), hypervolume, generator=generator())


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


@pytest.mark.parametrize("n", [20, 60])
def test_intervals_cover(n: int) -> None:
    """95% nominal; 300 repeats have a standard error of 1.3%. The truth is the value at a very
    large number of queries."""
    random = np.random.default_rng(n)
    means = np.array([[0.9, 0.8, 0.5], [0.1, 0.5, 0.8]])
    truth = float(hypervolume(means[0], means[1]))
    hits = 0
    for _ in range(300):
        quality, diversity = means[:, None] + random.normal(0, 0.1, (2, n, 3))
        found = whole_curve(quality, diversity, hypervolume, generator=random, draws=500)
        assert found.low is not None
        assert found.high is not None
        hits += found.low <= truth <= found.high
    assert 0.91 <= hits / 300 <= 0.985
