"""Moments of the targets: one pass, any parts, against numpy's in float64."""

import numpy as np
import pytest
from sfr_train.targets.moments import moments


def test_two_rows_by_hand() -> None:
    found = moments([(np.array([[1.0, 0.0], [3.0, 4.0]], np.float32), np.array([1.0, 3.0]))])
    assert found.mean.tolist() == [2.5, 3.0]
    assert found.covariance.tolist() == [[0.75, 1.5], [1.5, 3.0]]
    assert found.deviation.tolist() == pytest.approx([0.75**0.5, 3**0.5])


def test_a_constant_coordinate_has_the_least_deviation() -> None:
    found = moments([(np.array([[1.0, 0.0], [1.0, 4.0]], np.float32), np.ones(2))])
    assert found.covariance[0, 0] == 0
    assert found.deviation[0] == pytest.approx(1e-3 * 2**-0.5)


@pytest.mark.parametrize("part", [1, 7, 500])
def test_the_parts_change_nothing_and_a_far_mean_no_digit(part: int) -> None:
    rng = np.random.default_rng(0)
    rows = (rng.normal(size=(500, 8)) * 0.01 + 1).astype(np.float32)
    counts = rng.integers(0, 4, size=500).astype(np.float64)
    found = moments((rows[i : i + part], counts[i : i + part]) for i in range(0, 500, part))
    expected = np.cov(rows.T.astype(np.float64), fweights=counts.astype(int), bias=True)
    assert np.allclose(found.covariance, expected, rtol=1e-4, atol=1e-9)
    assert np.allclose(found.mean, counts @ rows.astype(np.float64) / counts.sum(), atol=1e-9)


def test_correlations_of_a_sample_keep_the_exact_deviations() -> None:
    rng = np.random.default_rng(0)
    factor = rng.normal(size=(6, 6))
    rows = (rng.normal(size=(30_000, 6)) @ factor + 1).astype(np.float32)
    counts = np.ones(len(rows))
    every = moments([(rows, counts)])
    found = moments([(rows[:20_000], counts[:20_000]), (rows[20_000:], counts[20_000:])], every=5)
    assert np.allclose(found.deviation, every.deviation, rtol=1e-5)
    assert np.allclose(found.covariance.diagonal(), every.deviation**2, rtol=1e-5)
    scale = np.outer(every.deviation, every.deviation)
    difference = np.abs(found.covariance - every.covariance) / scale
    assert 0 < difference.max() < 4 / np.sqrt(6_000)
