"""pytest tests/metrics/test_chamfer.py"""

import math
from itertools import combinations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sfr_eval.metrics.chamfer import chamfer
from tests.metrics.test_semantic import unit_rows


def on_circle(*degrees: float) -> np.ndarray:
    angles = np.radians(degrees)
    return np.stack([np.cos(angles), np.sin(angles)], axis=1)


def test_chamfer_by_hand() -> None:
    # 0 and 60 degrees are nearest to each other, 180 is nearest to 60, which is 120 away.
    rows = on_circle(0, 60, 180)
    assert chamfer(rows) == pytest.approx((0.5 + 0.5 + 1.5) / 3)
    # One other, drawn at random: the mean of all pairs, .5, 2 and 1.5.
    assert chamfer(rows, others=1) == pytest.approx(4 / 3)
    assert chamfer(rows, others=2) == pytest.approx(chamfer(rows))


def test_undefined_and_refused() -> None:
    assert chamfer(on_circle(0)) is None
    assert chamfer(on_circle(0, 10, 20), others=3) is None
    with pytest.raises(ValueError, match="others = 0"):
        chamfer(on_circle(0, 10), others=0)
    with pytest.raises(ValueError, match=r"embeddings\[1\] is not finite"):
        chamfer([[1.0, 0.0], [math.nan, 1.0]])


def test_copies_are_at_distance_zero_exactly() -> None:
    rows = unit_rows(3, 4, 384).astype(np.float32)
    pairs_of_copies = np.repeat(rows, 2, axis=0)
    assert chamfer(pairs_of_copies) == 0.0
    assert chamfer(pairs_of_copies[:2]) == 0.0
    # ... which the mean of all pairs does not show, while three others still miss some copies.
    assert 0.1 < float(chamfer(pairs_of_copies, others=3) or 0) < float(chamfer(rows) or 0)


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 10_000), st.integers(3, 7), st.integers(1, 6))
def test_others_are_averaged_over_every_draw(seed: int, n: int, others: int) -> None:
    rows = unit_rows(seed, n, 3)
    found = chamfer(rows, others=others)
    if others >= n:
        assert found is None
        return
    brute = [
        min(1 - float(rows[i] @ rows[j]) for j in drawn)
        for i in range(n)
        for drawn in combinations([j for j in range(n) if j != i], others)
    ]
    assert found == pytest.approx(np.mean(brute))
    assert chamfer(rows[::-1], others=others) == pytest.approx(found)


def test_only_the_fixed_form_is_stable_in_n() -> None:
    rows = unit_rows(5, 8_192, 6)
    fixed, plain = {}, {}
    for n in (4, 16, 64):
        sets = rows.reshape(-1, n, 6)
        values = np.asarray(chamfer(sets, others=3))
        fixed[n] = (values.mean(), values.std(ddof=1) / math.sqrt(len(values)))
        plain[n] = np.mean(np.asarray(chamfer(sets)))
    for mean, error in fixed.values():
        assert mean == pytest.approx(fixed[4][0], abs=3 * math.hypot(error, fixed[4][1]))
    assert plain[64] < 0.5 * plain[4]
