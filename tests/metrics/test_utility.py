"""pytest tests/metrics/test_utility.py"""

from itertools import permutations

import numpy as np
import pytest

from sfr_eval.metrics.classes import utility_k
from sfr_eval.metrics.meanings import CosineCut
from sfr_eval.metrics.utility import expected_utility, utilities

TOTAL = 1 + 0.8 + 0.64 + 0.512


def relation(labels: list[int]) -> np.ndarray:
    column = np.array(labels)
    return (column[:, None] == column[None, :])[None]


def test_four_replies_by_hand() -> None:
    # All different: every reply has the mean weight, so the mean of the scores. All the same: the
    # first one alone counts, whichever it is.
    scores = np.array([[1.0, 0.5, 0.0, 0.5]])
    assert expected_utility(relation([0, 1, 2, 3]), scores) == pytest.approx(0.5)
    assert expected_utility(relation([0, 0, 0, 0]), scores) == pytest.approx(0.5 / TOTAL)


def test_a_relation_that_is_not_transitive_by_hand() -> None:
    # 0 ~ 1 and 1 ~ 2, but not 0 ~ 2; only reply 1 is worth anything. It is new if it comes before
    # both 0 and 2: first (1/4), second after 3 (1/4 * 1/3); third and fourth never.
    same = np.eye(4, dtype=bool)
    same[0, 1] = same[1, 0] = same[1, 2] = same[2, 1] = True
    value = expected_utility(same[None], np.array([[0.0, 1.0, 0.0, 0.0]]))
    assert value == pytest.approx((1 / 4 + 0.8 / 12) / TOTAL)


@pytest.mark.parametrize("n", [4, 6, 9])
def test_classes_give_the_utility_of_noveltybench(n: int) -> None:
    rng = np.random.default_rng(n)
    for patience in (0.8, 0.5, 1.0):
        labels, scores = rng.integers(0, 3, size=n).tolist(), rng.random(n)
        value = expected_utility(relation(labels), scores[None], patience=patience)
        oracle = utility_k(labels, scores.tolist(), 4, patience=patience)
        assert value == pytest.approx(oracle)


def test_equal_to_reading_every_order() -> None:
    rng = np.random.default_rng(3)
    half = np.triu(rng.random((5, 5)) < 0.4, 1)
    same, scores = half | half.T | np.eye(5, dtype=bool), rng.random(5)
    readings = []
    for order in permutations(range(5), 4):
        new: list[int] = []
        utility = 0.0
        for place, reply in enumerate(order):
            if not any(same[reply, other] for other in new):
                new.append(reply)
                utility += 0.8**place * scores[reply]
        readings.append(utility / TOTAL)
    assert expected_utility(same[None], scores[None]) == pytest.approx(np.mean(readings))


def test_sets_of_other_sizes_are_measured_apart() -> None:
    embeddings = np.eye(3)[[0, 0, 1, 2, 0, 1, 2, 2, 1]]
    scores = np.linspace(0.1, 0.9, 9)
    sets = [np.arange(4), np.arange(4, 9), np.arange(3), np.array([], dtype=np.intp)]
    column = utilities(CosineCut(), embeddings, [""] * 9, scores, sets)
    labels = [0, 0, 1, 2, 0, 1, 2, 2, 1]
    for number, rows in enumerate(sets[:2]):
        chosen = rows.tolist()
        oracle = utility_k([labels[i] for i in chosen], [float(scores[i]) for i in chosen], 4)
        assert column[number] == pytest.approx(oracle)
    assert np.isnan(column[2:]).all()
