"""pytest tests/stats/test_pass_at_k.py"""

import itertools
import math
import random
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sfr_eval.stats.pass_at_k import distinct_at_k, majority_at_k, pass_at_k, pass_hat_k


def test_worked_by_hand() -> None:
    # 10 programs, 3 right, 2 drawn: 1 - C(7, 2) / C(10, 2) = 1 - 21 / 45
    assert pass_at_k(10, 3, 2) == pytest.approx(1 - 21 / 45, abs=1e-15)
    assert pass_at_k(10, 3, 1) == pytest.approx(0.3, abs=1e-15)
    assert pass_at_k(10, 3, 8) == 1.0
    assert pass_at_k(5, 0, 5) == 0.0
    assert pass_at_k(5, 5, 1) == 1.0


def test_more_than_there_are_is_undefined() -> None:
    assert pass_at_k(4, 2, 5) is None
    assert pass_at_k(0, 0, 1) is None
    assert distinct_at_k([1, 1], 3, 4) is None


@pytest.mark.parametrize(("n", "c", "k"), [(3, 4, 1), (3, -1, 1), (3, 1, 0)])
def test_nonsense_is_refused(n: int, c: int, k: int) -> None:
    with pytest.raises(ValueError, match="needs 0 <= c <= n and k >= 1"):
        pass_at_k(n, c, k)


@given(st.integers(1, 300), st.data())
def test_it_is_the_ratio_of_binomials(n: int, data: st.DataObject) -> None:
    c = data.draw(st.integers(0, n))
    k = data.draw(st.integers(1, n))
    exact = 1 - math.comb(n - c, k) / math.comb(n, k)
    found = pass_at_k(n, c, k)
    assert found == pytest.approx(exact, abs=1e-12)
    if k < n:
        later = pass_at_k(n, c, k + 1)
        assert found is not None
        assert later is not None
        assert found <= later + 1e-12


def test_it_is_unbiased_and_the_plug_in_is_not() -> None:
    n, p, k = 6, 0.3, 4
    weights = [math.comb(n, c) * p**c * (1 - p) ** (n - c) for c in range(n + 1)]
    mean = sum(w * (pass_at_k(n, c, k) or 0.0) for c, w in enumerate(weights))
    assert mean == pytest.approx(1 - (1 - p) ** k, abs=1e-12)
    plug_in = sum(w * (1 - (1 - c / n) ** k) for c, w in enumerate(weights))
    assert plug_in < mean - 0.01


def test_distinct_is_the_mean_over_all_draws() -> None:
    labels = ["a", "a", "b", "c", "c", "c", None, None]  # None: a wrong program
    sizes = [2, 1, 3]
    for k in range(1, 9):
        draws = list(itertools.combinations(labels, k))
        mean = sum(len({label for label in draw if label}) for draw in draws) / len(draws)
        assert distinct_at_k(sizes, 8, k) == pytest.approx(mean, abs=1e-12)
    assert distinct_at_k(sizes, 8, 1) == pytest.approx(pass_at_k(8, 6, 1))
    assert distinct_at_k([], 8, 3) == 0.0
    random.Random(0).shuffle(sizes)
    assert distinct_at_k(sizes, 8, 3) == distinct_at_k([2, 1, 3], 8, 3)


def test_pass_hat_k_is_the_share_of_draws_that_are_all_right() -> None:
    for n in range(1, 7):
        for c in range(n + 1):
            for k in range(1, n + 1):
                draws = list(itertools.combinations([True] * c + [False] * (n - c), k))
                expected = sum(all(draw) for draw in draws) / len(draws)
                assert pass_hat_k(n, c, k) == pytest.approx(expected)
    assert pass_hat_k(3, 3, 4) is None
    with pytest.raises(ValueError, match="needs 0 <= c <= n"):
        pass_hat_k(3, 4, 1)


@pytest.mark.parametrize(
    ("right", "wrong", "silent"),
    [(2, [2, 1], 0), (3, [2, 2], 1), (1, [1, 1, 1], 2), (0, [3], 1), (4, [], 2), (2, [4], 0)],
)
def test_majority_equals_the_vote_of_every_draw(right: int, wrong: list[int], silent: int) -> None:
    labels = ["right"] * right + [str(i) for i, size in enumerate(wrong) for _ in range(size)]
    labels += [""] * silent
    shares = majority_at_k(right, wrong, len(labels))
    for k in range(1, len(labels) + 1):
        wins = []
        for draw in itertools.combinations(labels, k):
            votes = Counter(label for label in draw if label)
            first = [label for label, count in votes.items() if count == max(votes.values())]
            wins.append("right" in first and 1 / len(first))
        assert shares[k - 1] == pytest.approx(sum(wins) / len(wins))


def test_majority_of_many_replies_is_quick_and_refuses_what_cannot_be() -> None:
    shares = majority_at_k(30, [20, 10, *[1] * 30], 100)
    assert shares[0] == pytest.approx(0.3)
    assert shares[-1] == 1
    with pytest.raises(ValueError, match="impossible"):
        majority_at_k(2, [3], 4)
