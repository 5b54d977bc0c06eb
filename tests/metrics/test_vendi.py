"""pytest tests/metrics/test_vendi.py"""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sfr_eval.metrics.chamfer import chamfer
from sfr_eval.metrics.classes import meaning_classes
from sfr_eval.metrics.semantic import mean_pairwise_distance
from sfr_eval.metrics.semantic_sets import set_values
from sfr_eval.metrics.vendi import dpp_logdet, mean_squared_kernel, vendi_pairs, vendi_score
from tests.metrics.test_semantic import unit_rows

HALF = [[1.0, 0.0], [0.5, math.sqrt(0.75)]]  # cosine .5


def test_vendi_of_the_worked_example() -> None:
    # Eigenvalues .75 and .25.
    assert vendi_score(HALF) == pytest.approx(1.754765, abs=5e-7)
    assert vendi_score(HALF, q=2) == pytest.approx(1.6)
    assert vendi_score(HALF, q=math.inf) == pytest.approx(4 / 3)
    assert vendi_score(HALF, q=0.5) == pytest.approx((0.75**0.5 + 0.25**0.5) ** 2)
    assert vendi_pairs(HALF) == pytest.approx(4)
    assert mean_squared_kernel(HALF) == pytest.approx(0.25)
    assert dpp_logdet(HALF) == pytest.approx(math.log(4 - 0.25))


def test_vendi_of_the_extremes() -> None:
    same = np.tile(unit_rows(0, 1), (5, 1))
    assert vendi_score(same) == pytest.approx(1)
    assert vendi_score(np.eye(5)) == pytest.approx(5)
    assert vendi_pairs(same) == pytest.approx(1)
    assert vendi_pairs(np.eye(5)) == math.inf
    assert math.isnan(vendi_pairs(np.eye(5)[:1]))  # type: ignore[arg-type]
    assert dpp_logdet(same) == pytest.approx(math.log(6))
    assert dpp_logdet(np.eye(5)) == pytest.approx(5 * math.log(2))
    with pytest.raises(ValueError, match="q = 0"):
        vendi_score(HALF, q=0)


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 10_000), st.integers(1, 12), st.integers(2, 12), st.sampled_from([1, 2, 3.5]))
def test_vendi_equals_its_dual_and_keeps_its_bounds(seed: int, n: int, d: int, q: float) -> None:
    rows = unit_rows(seed, n, d)
    gram = np.maximum(np.linalg.eigvalsh(rows @ rows.T / n), 0)
    dual = np.maximum(np.linalg.eigvalsh(rows.T @ rows / n), 0)
    scores = [
        math.exp(-sum(v * math.log(v) for v in values if v > 0))
        if q == 1
        else (values**q).sum() ** (1 / (1 - q))
        for values in (gram, dual)
    ]
    found = vendi_score(rows, q)
    assert found == pytest.approx(scores[0], abs=1e-9)
    assert found == pytest.approx(scores[1], abs=1e-9)
    assert 1 - 1e-9 <= found <= min(n, d) + 1e-9
    assert vendi_score(rows[::-1], q) == pytest.approx(found, abs=1e-9)
    assert vendi_score(np.concatenate([rows, rows]), q) == pytest.approx(found, abs=1e-9)


def test_vendi_equals_vendi_score() -> None:
    peer = pytest.importorskip("vendi_score.vendi", reason="pip install vendi-score")
    for n, d in ((6, 30), (30, 6)):
        rows = unit_rows(n, n, d)
        assert vendi_score(rows) == pytest.approx(peer.score_dual(rows), abs=1e-9)


def test_many_sets_at_once_equal_one_at_a_time() -> None:
    table = unit_rows(1, 40, 7).astype(np.float32)
    sets = [np.arange(0, 8), np.arange(8, 16), np.arange(16, 21), np.array([21]), np.arange(0)]
    found = set_values(table, sets)
    for number, rows in enumerate(sets):
        own = table[rows]
        if len(rows) < 2:
            assert all(np.isnan(values[number]) for values in found.values())
            continue
        expected = {
            "embed_distance": mean_pairwise_distance(own),
            "vendi_q1": vendi_score(own),
            "vendi_q2": vendi_pairs(own),
            "mean_squared_kernel": mean_squared_kernel(own),
            "dpp_logdet": dpp_logdet(own),
            "chamfer": chamfer(own),
            "chamfer_fixed": chamfer(own, others=3),
        }
        for metric, value in expected.items():
            assert found[metric][number] == pytest.approx(value, abs=1e-9), metric
    stack = table[:16].reshape(2, 8, 7)
    np.testing.assert_allclose(vendi_score(stack), found["vendi_q1"][:2], atol=1e-9)


def test_vendi_of_pairs_is_stable_in_k_and_q1_is_not() -> None:
    rows = unit_rows(2, 4_096, 12)
    means = {
        k: (vendi_pairs(rows.reshape(-1, k, 12)), vendi_score(rows.reshape(-1, k, 12)))
        for k in (16, 64)
    }
    assert np.mean(means[16][0]) == pytest.approx(np.mean(means[64][0]), rel=0.06)
    assert np.mean(means[64][1]) > 1.2 * np.mean(means[16][1])


def test_embeddings_that_are_not_finite_name_their_row() -> None:
    rows = np.eye(3)
    rows[2, 1] = np.nan
    for measure in (vendi_score, mean_pairwise_distance, dpp_logdet, meaning_classes):
        with pytest.raises(ValueError, match=r"embeddings\[2\] is not finite"):
            measure(rows)
    with pytest.raises(ValueError, match=r"embeddings\[1\] has length 0"):
        vendi_score([[1.0, 0.0], [0.0, 0.0]])
