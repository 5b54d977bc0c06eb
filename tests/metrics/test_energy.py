"""pytest tests/metrics/test_energy.py"""

import numpy as np
import pytest

from sfr_eval.metrics.energy import _energy as energies_of
from sfr_eval.metrics.energy import cross_style_energy, energy_test
from tests.metrics.test_semantic import unit_rows


def brute_energy(rows: np.ndarray, styles: list[int]) -> float:
    distance = np.linalg.norm(rows[:, None] - rows, axis=-1)
    member = [[i for i, s in enumerate(styles) if s == style] for style in sorted(set(styles))]

    def within(own: list[int]) -> float:
        return float(distance[np.ix_(own, own)].sum()) / (len(own) * (len(own) - 1))

    pairs = [
        2 * float(distance[np.ix_(a, b)].mean()) - within(a) - within(b)
        for a in member
        for b in member
        if a is not b
    ]
    return float(np.mean(pairs))


def test_energy_equals_its_definition_without_single_replies() -> None:
    rows, styles = unit_rows(3, 11), [0, 0, 0, 1, 1, 2, 2, 2, 2, 1, 9]
    found = cross_style_energy(rows, ["q"] * 11, styles)
    assert found[0] == pytest.approx(brute_energy(rows[:10], styles[:10]), abs=1e-9)
    assert np.isnan(cross_style_energy(rows, ["q"] * 11, [0] * 11)[0])
    assert cross_style_energy(np.zeros((0, 3)), [], []).shape == (0,)


def test_energy_test_is_calibrated_and_has_power() -> None:
    random = np.random.default_rng(4)
    groups, styles = [i // 8 for i in range(48)], [i % 2 for i in range(48)]
    p_values = []
    for _ in range(120):
        rows = random.standard_normal((48, 4))
        p_values.append(energy_test(rows, groups, styles, permutations=59).p_value)
    share = np.mean([p is not None and p <= 0.1 for p in p_values])
    assert 0.02 < share < 0.19  # 3 sigma of 120 are 8%
    rows = random.standard_normal((48, 4)) + np.array(styles)[:, None]
    found = energy_test(rows, groups, styles, permutations=199)
    assert found.p_value == pytest.approx(1 / 200)
    assert found.mean is not None
    assert found.mean > 0.1


def test_one_text_from_all_styles_has_no_energy() -> None:
    """Exactly: the root of a rounding error would be 1e-8."""
    row = np.random.default_rng(0).standard_normal(384).astype(np.float32)
    rows = np.tile(row / np.linalg.norm(row), (9, 1))
    assert cross_style_energy(rows, ["q"] * 9, list("xyz") * 3).tolist() == [0.0]


def test_many_labellings_are_measured_as_one_by_one() -> None:
    rows, styles = unit_rows(5, 12), np.array([0] * 2 + [1] * 3 + [2] * 7)
    distances = np.linalg.norm(rows[:, None] - rows, axis=-1)
    many = np.random.default_rng(1).permuted(np.tile(styles, (20, 1)), axis=1)
    alone = [brute_energy(rows, labelling.tolist()) for labelling in many]
    assert energies_of(distances, many) == pytest.approx(alone, abs=1e-12)
