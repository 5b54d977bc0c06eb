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
    assert distinct_n([["a"], []], 2) is None


@given(token_lists)
def test_duplicates_lower_distinct_n(texts: list[list[str]]) -> None:
    once, twice = distinct_n(texts, 1), distinct_n(texts + texts, 1)
    assert (once is None) == (twice is None)
    if once is not None and twice is not None:
        assert twice == pytest.approx(once / 2)


def test_rarefied_and_ead_of_the_worked_example() -> None:
    assert rarefied_distinct_n(T, 1, 5) == pytest.approx(0.833751, abs=5e-7)
    assert rarefied_distinct_n(T, 2, 5) == pytest.approx(0.826050, abs=5e-7)
    assert rarefied_distinct_n(T, 1, 21) == pytest.approx(10 / 21)  # all of them: raw
    assert rarefied_distinct_n(T, 1, 1) == pytest.approx(1)
    assert rarefied_distinct_n(T, 1, 22) is None
    assert expectation_adjusted_distinct_n(T, 1) == pytest.approx(0.476285, abs=5e-7)
    assert expectation_adjusted_distinct_n(T, 2) == pytest.approx(0.529496, abs=5e-7)


@settings(max_examples=30, deadline=None)
@given(token_lists, st.integers(1, 2), st.integers(1, 3))
def test_rarefied_is_the_mean_over_all_draws(texts: list[list[str]], n: int, m: int) -> None:
    counts = ngram_counts(texts, n)
    found = rarefied_distinct_n(texts, n, m)
    if counts.total() < m:
        assert found is None
        return
    draws = list(combinations(list(counts.elements())[:12], m))
    if counts.total() <= 12:
        brute = sum(len(set(draw)) for draw in draws) / len(draws) / m
        assert found == pytest.approx(brute, abs=1e-10)


def test_count_stable_forms_are_stable_and_raw_ones_are_not() -> None:
    """128 texts of one source cut into groups of 8 and of 64: as table 3.1 of the sources."""
    texts = zipf_texts(0, 512)
    raw, rarefied, raw_bleu, fixed = {}, {}, {}, {}
    for k in (8, 64):
        parts = [texts[i : i + k] for i in range(0, 512, k)]
        groups = [i // k for i in range(512)]
        raw[k] = np.mean([distinct_n(part, 2) for part in parts])
        rarefied[k] = np.mean([rarefied_distinct_n(part, 2, 100) for part in parts])
        raw_bleu[k] = self_bleu(texts, groups)[:, 1].mean()
        fixed[k] = np.nanmean(self_bleu_fixed(texts, groups)[:, 1])
    assert raw[8] > raw[64] + 0.1
    assert rarefied[8] == pytest.approx(rarefied[64], abs=0.01)
    assert raw_bleu[64] > raw_bleu[8] + 0.1
    assert fixed[8] == pytest.approx(fixed[64], abs=0.01)
    assert fixed[8] == pytest.approx(raw_bleu[8])  # 8 texts have 7 others: nothing is drawn
