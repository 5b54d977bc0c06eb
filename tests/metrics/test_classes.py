"""pytest tests/metrics/test_classes.py"""

import random
from itertools import permutations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sfr_eval.embeddings.encoder import Encoder
from sfr_eval.metrics.classes import distinct_k, meaning_classes, utility_k
from tests.metrics.test_semantic import unit_rows


def test_distinct_k_of_the_worked_example() -> None:
    assert distinct_k([0, 0, 0, 1, 1, 2], 3) == pytest.approx(2.25)
    assert distinct_k([0, 1], 3) is None
    assert distinct_k(["a"] * 5, 3) == pytest.approx(1)
    # One valid reply among two: it is in a draw of one half of the time.
    assert distinct_k(["a"], 1, total=2) == pytest.approx(0.5)
    assert distinct_k([], 1, total=2) == 0.0
    with pytest.raises(ValueError, match="total = 1"):
        distinct_k([0, 0], 1, total=1)


def test_utility_k_is_the_mean_over_all_orders() -> None:
    labels, scores = [0, 0, 1, 1, 2], [5.0, 6.0, 7.0, 8.0, 3.0]
    total = 0.0
    for order in permutations(range(5)):
        seen: set[int] = set()
        for i, x in enumerate(order[:3]):
            total += 0.0 if labels[x] in seen else 0.8**i * scores[x]
            seen.add(labels[x])
    brute = total / 120 / (1 + 0.8 + 0.64)
    assert brute == pytest.approx(4.691803, abs=5e-7)
    assert utility_k(labels, scores, 3) == pytest.approx(brute)


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10_000), st.randoms(use_true_random=False))
def test_classes_do_not_depend_on_the_order(seed: int, rng: random.Random) -> None:
    rows = unit_rows(seed, 12, 3)
    rows[5] = rows[2]
    order = list(range(12))
    rng.shuffle(order)
    labels, moved = meaning_classes(rows), meaning_classes(rows[order])
    same = labels[:, None] == labels
    assert (same[np.ix_(order, order)] == (moved[:, None] == moved)).all()
    assert labels[5] == labels[2]


def test_real_encoder_still_tells_meanings_apart(encoder: Encoder) -> None:
    rows = encoder.encode(
        [
            "Knead the dough and let it rise.",
            "Let the dough rise after kneading it.",
            "The court dismissed the appeal.",
        ]
    )
    assert meaning_classes(rows).tolist() == [0, 0, 1]
