"""The log-determinant of a group and the share of each reply, against determinants by numpy."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from sfr_train.policy.log_det import bonus_of_a_copy, leave_one_out_bonus, log_det


def test_two_equal_and_one_orthogonal_row_by_hand() -> None:
    rows = [[1.0, 0.0], [1.0, 0.0], [0.0, 1.0]]
    # L + I = [[2, 1, 0], [1, 2, 0], [0, 0, 2]]: det 6; without a copy 4, without the third 3
    assert log_det(rows) == pytest.approx(math.log(6))
    assert leave_one_out_bonus(rows) == pytest.approx([math.log(1.5)] * 2 + [math.log(2)])


def test_copies_get_the_lower_bound_orthogonal_rows_the_upper() -> None:
    copies = np.tile([[0.6, 0.8]], (4, 1))
    assert leave_one_out_bonus(copies) == pytest.approx([math.log(1.25)] * 4)
    assert leave_one_out_bonus(np.eye(4)) == pytest.approx([math.log(2)] * 4)
    assert bonus_of_a_copy(4) == pytest.approx(math.log(1.25))
    assert leave_one_out_bonus([[1.0]]) == pytest.approx([math.log(2)])


@hypothesis_settings(max_examples=60, deadline=None)
@given(
    st.integers(2, 9), st.integers(1, 12), st.integers(0, 2**31), st.sampled_from([0.01, 0.5, 1, 3])
)
def test_bonus_is_the_ratio_of_determinants_within_its_bounds(
    k: int, d: int, seed: int, ridge: float
) -> None:
    rows = np.random.default_rng(seed).normal(size=(k, d))
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    bonus = leave_one_out_bonus(rows, ridge=ridge)
    gram = rows @ rows.T + ridge * np.eye(k)
    whole = np.linalg.slogdet(gram).logabsdet
    assert log_det(rows, ridge=ridge) == pytest.approx(whole, abs=1e-9)
    for i in range(k):
        rest = np.delete(np.delete(gram, i, 0), i, 1)
        assert bonus[i] == pytest.approx(whole - np.linalg.slogdet(rest).logabsdet, abs=1e-9)
    assert bonus.min() >= bonus_of_a_copy(k, ridge=ridge) - 1e-9
    assert bonus.max() <= math.log(1 + ridge) + 1e-9


def test_the_bonus_rises_with_the_distance_to_the_others() -> None:
    angles = np.linspace(0.0, math.pi / 2, 9)
    bonuses = [leave_one_out_bonus([[1, 0], [1, 0], [math.cos(a), math.sin(a)]])[2] for a in angles]
    assert bonuses == sorted(bonuses)
    assert bonuses[-1] > bonuses[0] + 0.2
