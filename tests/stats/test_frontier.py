"""pytest tests/stats/test_frontier.py"""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sfr_eval.stats.frontier import diversity_at, diversity_at_part, frontier, hypervolume

# Cold is good and narrow, hot is broad and bad; the third point is worse than the second.
QUALITY = np.array([0.9, 0.8, 0.7, 0.2])
DIVERSITY = np.array([0.1, 0.5, 0.4, 0.9])


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


def test_what_was_chosen_on_another_curve_by_hand() -> None:
    """On the other curve the second point alone is best on both axes."""
    other = np.array([0.7, 0.9, 0.6, 0.1]), np.array([0.1, 0.9, 0.4, 0.2])
    assert hypervolume(QUALITY, DIVERSITY, chosen_on=other) == pytest.approx(0.8 * 0.5)
    assert diversity_at(QUALITY, DIVERSITY, 0.5, chosen_on=other) == pytest.approx(0.5)
    assert diversity_at_part(QUALITY, DIVERSITY, 0.5, chosen_on=other) == pytest.approx(0.5)
    # The other curve crosses .8 between its first two points, and here they are .9 and .8 good.
    crossing = np.array([0.7, 0.9, 0.6, 0.1]), np.array([0.9, 0.1, 0.4, 0.2])
    assert diversity_at(QUALITY, DIVERSITY, 0.8, chosen_on=crossing) == pytest.approx(0.5)
    # It never reaches 1: then its best quality counts.
    assert diversity_at(QUALITY, DIVERSITY, 1.0, chosen_on=other) == pytest.approx(0.5)


@settings(deadline=None)  # the machine may be busy
@given(st.integers(0, 10_000), st.floats(0.05, 0.95))
def test_chosen_on_the_curve_itself_is_the_best(seed: int, part: float) -> None:
    quality, diversity = np.random.default_rng(seed).random((2, 6))
    own = quality, diversity
    volume = float(hypervolume(quality, diversity))
    assert hypervolume(quality, diversity, chosen_on=own) == pytest.approx(volume)
    best = float(diversity_at_part(quality, diversity, part))
    assert best == pytest.approx(float(diversity_at(quality, diversity, part * quality.max())))
    assert diversity_at_part(quality, diversity, part, chosen_on=own) == pytest.approx(best)
    level = part * float(quality.max())
    assert diversity_at(quality, diversity, level, chosen_on=own) == pytest.approx(best)
