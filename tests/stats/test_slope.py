"""pytest tests/stats/test_slope.py"""

import numpy as np
import pytest

from sfr_eval.stats.slope import slope_within


def test_by_hand() -> None:
    # Two groups with means of their own: within each y rises by 2 for 1 of x, exactly.
    found = slope_within([0, 1, 5, 6], [10, 12, 3, 5], groups=[0, 0, 1, 1], clusters=[0, 0, 1, 1])
    assert found is not None
    assert (found.value, found.low, found.high) == pytest.approx((2, 2, 2))
    assert found.clusters == 2


def test_without_spread_inside_groups_there_is_no_slope() -> None:
    assert slope_within([1, 2], [1, 2], groups=[0, 1], clusters=[0, 1]) is None
    assert slope_within([1, 2], [1, 2], groups=[0, 0], clusters=[0, 0]) is None  # one cluster
    assert slope_within([], [], groups=[], clusters=[]) is None


def test_equals_least_squares_with_a_column_for_each_group() -> None:
    rng = np.random.default_rng(1)
    groups = np.repeat(np.arange(6), 5)
    x = rng.normal(size=30) + groups
    y = 0.7 * x + 3 * groups + rng.normal(size=30)
    design = np.column_stack([x, *(groups == g for g in range(6))])
    theirs = np.linalg.lstsq(design, y, rcond=None)[0][0]
    found = slope_within(x.tolist(), y.tolist(), groups=groups.tolist(), clusters=groups.tolist())
    assert found is not None
    assert found.value == pytest.approx(theirs)


def test_the_interval_covers_with_clustered_replies() -> None:
    rng = np.random.default_rng(2)
    clusters = np.repeat(np.arange(20), 8)
    groups = np.repeat(np.arange(40), 4)
    covered = 0
    for _ in range(400):
        x = rng.normal(size=160) + rng.normal(size=20)[clusters]
        own_slope = 0.5 + rng.normal(scale=0.3, size=20)[clusters]
        y = own_slope * x + rng.normal(size=40)[groups] + rng.normal(size=160)
        found = slope_within(
            x.tolist(), y.tolist(), groups=groups.tolist(), clusters=clusters.tolist()
        )
        assert found is not None
        covered += found.low <= 0.5 <= found.high
    assert 0.91 < covered / 400 < 0.985
