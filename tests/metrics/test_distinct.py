"""pytest tests/metrics/test_distinct.py"""

from itertools import combinations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sfr_eval.metrics.bleu import (
    self_bleu,
    self_bleu_fixed,
)
from sfr_eval.metrics.distinct import (
    distinct_n,
    expectation_adjusted_distinct_n,
    ngram_counts,
    rarefied_distinct_n,
)
from tests.metrics.word_lists import T, token_lists, zipf_texts


def test_distinct_of_the_worked_example() -> None:
    assert distinct_n(T, 1) == pytest.approx(10 / 21)
    assert distinct_n(T, 2) == pytest.approx(9 / 17)
    assert distinct_n([], 2) is None


def test_a_text_shorter_than_n_is_one_n_gram() -> None:
    """Two different short texts are two n-grams, copies are one; a long text keeps its own."""
    assert distinct_n([["a"], []], 2) == 1
    assert distinct_n([["a"], ["a"], [], []], 2) == pytest.approx(2 / 4)
    assert distinct_n([["a"]] * 7 + [["a", "b", "c"]], 2) == pytest.approx(3 / 9)
    assert ngram_counts([["a"], ["a", "b"]], 2) == {("a",): 1, ("a", "b"): 1}


@pytest.mark.parametrize("n", [1, 2, 4])
@pytest.mark.parametrize("words", [0, 1, 5, 60, 400])
def test_copies_are_the_minimum_at_any_length(n: int, words: int) -> None:
    """Eight copies: an eighth of the n-grams are distinct, among four replies a quarter."""
    copies = [[f"w{i}" for i in range(words)]] * 8
    apart = [[f"w{i} of {k}" for i in range(words)] or [f"{k}"] for k in range(8)]
    assert distinct_n(copies, n) == pytest.approx(1 / 8)
    assert rarefied_distinct_n(copies, n) == pytest.approx(1 / 4)
    assert distinct_n(apart, n) == rarefied_distinct_n(apart, n) == pytest.approx(1)


@given(token_lists)
def test_duplicates_lower_distinct_n(texts: list[list[str]]) -> None:
    once, twice = distinct_n(texts, 1), distinct_n(texts + texts, 1)
    assert (once is None) == (twice is None)
    if once is not None and twice is not None:
        assert twice == pytest.approx(once / 2)


def test_rarefied_of_the_worked_example() -> None:
    """Bigrams of T: ab in 4 texts, bc and cd in 3, de in 2; df, bx, xy, yz, eg in one. Two of four
    texts miss one that f of them have with chance C(4 - f, 2) / 6: 0, 0, 1/6, 1/2 for f = 4, 3, 2,
    1. Expected 3 + 5/6 + 5/2 = 19/3 of 2 x 17/4 bigrams."""
    assert rarefied_distinct_n(T, 2, 2) == pytest.approx(19 / 3 / (17 / 2))
    assert rarefied_distinct_n(T, 2, 4) == distinct_n(T, 2) == pytest.approx(9 / 17)  # all: raw
    assert rarefied_distinct_n(T, 2, 1) == pytest.approx(1)
    assert rarefied_distinct_n(T, 2, 5) is None
    with pytest.raises(ValueError, match="replies = 0"):
        rarefied_distinct_n(T, 2, 0)


def test_ead_of_the_worked_example() -> None:
    assert expectation_adjusted_distinct_n(T, 1) == pytest.approx(0.476285, abs=5e-7)
    assert expectation_adjusted_distinct_n(T, 2) == pytest.approx(0.529496, abs=5e-7)


@settings(max_examples=30, deadline=None)
@given(token_lists, st.integers(1, 3), st.integers(1, 4))
def test_rarefied_is_the_mean_over_all_draws(texts: list[list[str]], n: int, replies: int) -> None:
    result = rarefied_distinct_n(texts, n, replies)
    if len(texts) < replies:
        assert result is None
        return
    draws = [ngram_counts(draw, n) for draw in combinations(texts, replies)]
    types = np.mean([len(counts) for counts in draws])
    total = np.mean([counts.total() for counts in draws])
    assert result == pytest.approx(types / total, abs=1e-10)


def test_copies_of_long_texts_do_not_pass_for_variety() -> None:
    """Of single n-grams a draw hardly meets a copy: 8 copies of 400 words got .90, more than the
    reference distribution (.82)."""
    long = zipf_texts(3, 8, words=400)
    own = distinct_n(long[:1], 2)
    assert own is not None
    assert rarefied_distinct_n(long[:1] * 8, 2) == pytest.approx(own / 4)
    several = rarefied_distinct_n(long, 2)
    assert several is not None
    assert several > 2.5 * own / 4


def test_count_stable_forms_are_stable_and_raw_ones_are_not() -> None:
    """128 texts of one source cut into groups of 8 and of 64: as table 3.1 of the sources."""
    texts = zipf_texts(0, 512)
    raw, rarefied, raw_bleu, fixed = {}, {}, {}, {}
    for k in (8, 64):
        parts = [texts[i : i + k] for i in range(0, 512, k)]
        groups = [i // k for i in range(512)]
        raw[k] = np.mean([distinct_n(part, 2) for part in parts])
        rarefied[k] = np.mean([rarefied_distinct_n(part, 2) for part in parts])
        raw_bleu[k] = self_bleu(texts, groups)[:, 1].mean()
        fixed[k] = np.nanmean(self_bleu_fixed(texts, groups)[:, 1])
    assert raw[8] > raw[64] + 0.1
    assert rarefied[8] == pytest.approx(rarefied[64], abs=0.01)
    assert raw_bleu[64] > raw_bleu[8] + 0.1
    assert fixed[8] == pytest.approx(fixed[64], abs=0.01)
    assert fixed[8] == pytest.approx(raw_bleu[8])  # 8 texts have 7 others: nothing is drawn
