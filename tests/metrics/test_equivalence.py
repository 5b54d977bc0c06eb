"""pytest tests/metrics/test_equivalence.py: how many different answers a draw of four holds"""

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sfr_eval.metrics.classes import distinct_k, meaning_classes
from sfr_eval.metrics.equivalence import cosine_relation, expected_meanings
from tests.metrics.test_semantic import unit_rows


def relation(n: int, *pairs: tuple[int, int]) -> np.ndarray:
    same = np.eye(n, dtype=bool)
    for a, b in pairs:
        same[a, b] = same[b, a] = True
    return same


def by_enumeration(same: np.ndarray, draw: int = 4) -> float:
    """Every ordered draw, one after the other: an oracle that shares no code."""
    counts = []
    for order in itertools.permutations(range(len(same)), draw):
        new: list[int] = []
        for reply in order:
            if all(not same[reply, other] for other in new):
                new.append(reply)
        counts.append(len(new))
    return float(np.mean(counts))


def test_four_replies_by_hand() -> None:
    assert expected_meanings(relation(4)) == 4
    assert expected_meanings(relation(4, (0, 1))) == 3
    assert expected_meanings(relation(4, (0, 1), (2, 3))) == 2
    # A star: one of four times its centre comes first and takes all; else the leaves are new.
    assert expected_meanings(relation(4, (0, 1), (0, 2), (0, 3))) == pytest.approx(2.5)
    # A path of three: its middle comes first one time of three.
    assert expected_meanings(relation(4, (0, 1), (1, 2))) == pytest.approx(1 / 3 * 2 + 2 / 3 * 3)
    assert expected_meanings(np.ones((4, 4), dtype=bool)) == 1
    assert expected_meanings(relation(3)) is None


def test_replies_that_failed_a_filter_count_nothing() -> None:
    # One good reply of eight is in a draw of four half the time; two alike 1 - C(6,4)/C(8,4).
    assert expected_meanings(relation(1), total=8) == pytest.approx(0.5)
    assert expected_meanings(relation(2, (0, 1)), total=8) == pytest.approx(1 - 15 / 70)
    assert expected_meanings(relation(2), total=8) == pytest.approx(1.0)
    with pytest.raises(ValueError, match="total = 2"):
        expected_meanings(relation(4), total=2)
    assert expected_meanings(relation(2), total=3) is None


@settings(max_examples=40, deadline=None)
@given(st.integers(4, 7), st.integers(0, 10_000), st.floats(0, 1))
def test_equal_to_every_ordered_draw(n: int, seed: int, share: float) -> None:
    alike = np.random.default_rng(seed).random((n, n)) < share
    same = np.triu(alike, 1)
    same = same | same.T | np.eye(n, dtype=bool)
    assert expected_meanings(same) == pytest.approx(by_enumeration(same))


@settings(max_examples=40, deadline=None)
@given(st.lists(st.integers(0, 5), min_size=4, max_size=15), st.integers(0, 6))
def test_classes_give_the_formula_of_their_sizes(labels: list[int], others: int) -> None:
    own = np.array(labels)
    same = own[:, None] == own
    total = len(labels) + others
    assert expected_meanings(same, total=total) == pytest.approx(distinct_k(labels, 4, total=total))


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10_000), st.integers(4, 16), st.randoms(use_true_random=False))
def test_the_order_of_replies_does_not_matter(seed: int, n: int, rng) -> None:  # type: ignore[no-untyped-def]
    same = cosine_relation(unit_rows(seed, n, 3))
    order = list(range(n))
    rng.shuffle(order)
    assert expected_meanings(same[np.ix_(order, order)]) == pytest.approx(expected_meanings(same))


def test_the_expectation_does_not_move_with_n() -> None:
    """Replies around three answers. A clustering of all n does move: that is why there is none."""
    random = np.random.default_rng(7)
    centres = unit_rows(1, 3, 5)
    rows = centres[random.integers(0, 3, 24_576)] + random.normal(0, 0.35, (24_576, 5))
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    means, clustered = {}, {}
    for n in (4, 8, 16, 32, 128):
        sets = rows[: 24_576 // n * n].reshape(-1, n, 5)
        values = np.asarray(expected_meanings(cosine_relation(sets)))
        means[n] = (values.mean(), values.std(ddof=1) / np.sqrt(len(values)))
        clustered[n] = np.mean([distinct_k(meaning_classes(s).tolist(), 4) for s in sets[:300]])
    for n, (mean, error) in means.items():
        assert mean == pytest.approx(means[4][0], abs=3 * np.hypot(error, means[4][1])), n
    assert max(clustered.values()) - min(clustered.values()) > 0.1


def test_many_draws_are_near_to_all_of_them() -> None:
    """Above 16 replies draws are random; the labels' formula knows the mean over all draws."""
    labels = np.random.default_rng(3).integers(0, 9, (50, 40))
    same = labels[:, :, None] == labels[:, None, :]
    exact = [distinct_k(own.tolist(), 4) for own in labels]
    errors = np.asarray(expected_meanings(same)) - np.array(exact, dtype=float)
    assert np.abs(errors).max() < 0.06
    assert float(np.sqrt(np.mean(errors**2))) < 0.025
