"""pytest tests/metrics/test_semantic.py"""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sfr_eval.metrics.semantic import compute, mean_pairwise_distance, persona_similarity
from tests.metrics.conftest import MakeContext

BREAD = "Knead the dough and let it rise in a warm place."
BREAD_TOO = "Let the dough rise somewhere warm after kneading it."
LAW = "The court dismissed the appeal for lack of evidence."


def unit_rows(seed: int, n: int, d: int = 5) -> np.ndarray:
    rows = np.random.default_rng(seed).standard_normal((n, d))
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


def test_distance_of_equal_orthonormal_and_single_texts() -> None:
    assert mean_pairwise_distance(np.tile(unit_rows(0, 1), (4, 1))) == pytest.approx(0, abs=1e-12)
    assert mean_pairwise_distance(np.eye(4)) == pytest.approx(1)
    assert mean_pairwise_distance(np.eye(4)[:1]) is None


@given(st.integers(0, 10_000), st.integers(2, 9))
def test_equal_to_the_mean_over_all_pairs(seed: int, n: int) -> None:
    rows = unit_rows(seed, n)
    pairs = (1 - rows @ rows.T)[~np.eye(n, dtype=bool)]
    assert mean_pairwise_distance(rows) == pytest.approx(pairs.mean(), abs=1e-12)
    assert mean_pairwise_distance(rows[::-1]) == pytest.approx(pairs.mean(), abs=1e-12)


def test_distance_sees_meaning_not_words(context: MakeContext) -> None:
    made = context({("q", "x"): [BREAD, BREAD_TOO], ("q", "y"): [BREAD, LAW], ("q", "z"): [BREAD]})
    result = compute(made)[0]
    same, other, alone = [value.value for value in result.values]
    assert same is not None
    assert other is not None
    assert 0 < same < 0.3 < 0.7 < other
    assert alone is None
    assert result.signature["encoder_fingerprint"].startswith("sha256:")
    assert result.notes["truncated_share"] == 0


def test_similarity_of_personas(context: MakeContext) -> None:
    made = context(
        {
            ("q", "x"): [BREAD, BREAD],
            ("q", "y"): [BREAD_TOO],
            ("r", "x"): [LAW, LAW],
            ("r", "z"): [None],
        }
    )
    found = persona_similarity(made)[1.0]
    assert found.personas == ("x", "y", "z")
    matrix = found.matrix
    bread, bread_too = made.embeddings([BREAD, BREAD_TOO])
    assert matrix[0][1] == matrix[1][0] == pytest.approx(float(bread @ bread_too), abs=1e-6)
    assert matrix[0][0] == pytest.approx(1)  # two equal replies, in both queries
    assert matrix[1][1] is None  # one reply has no pair
    assert matrix[0][2] is matrix[2][2] is None  # z never answered


def test_no_reply_at_all(context: MakeContext) -> None:
    made = context({("q", "x"): [None, None], ("q", "y"): [None]})
    assert [value.value for value in compute(made)[0].values] == [None, None]
    assert persona_similarity(made)[1.0].matrix == ((None, None), (None, None))
