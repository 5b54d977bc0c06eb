"""pytest tests/metrics/test_rouge.py"""

from itertools import combinations

import numpy as np
import pytest
from hypothesis import given, settings

from sfr_eval.metrics.rouge import rouge_l_homogenization, rouge_l_rows
from sfr_eval.metrics.tokenizers import load_tokenizer
from tests.metrics.word_lists import T, token_lists, zipf_texts


def plain_lcs(one: list[str], other: list[str]) -> int:
    row = [0] * (len(other) + 1)
    for a in one:
        before = row[:]
        for j, b in enumerate(other):
            row[j + 1] = before[j] + 1 if a == b else max(row[j], before[j + 1])
    return row[-1]


def test_rouge_of_the_worked_example() -> None:
    # Pairs: .8 .4 .9091 / .4 .7273 / .3636, halves of LCS over mean length.
    assert rouge_l_homogenization(T) == pytest.approx(0.6, abs=5e-5)
    expected = [(0.8 + 0.4 + 10 / 11) / 3, (0.8 + 0.4 + 8 / 11) / 3]
    np.testing.assert_allclose(rouge_l_rows(T)[:2], expected)
    assert rouge_l_homogenization([["a"], ["b"]]) == 0.0  # nothing shared is not "all the same"
    assert rouge_l_homogenization([["a"], ["a"]]) == 1.0
    assert rouge_l_homogenization([[], []]) == 1.0
    assert rouge_l_homogenization([[], ["a"]]) == 0.0
    assert rouge_l_homogenization([["a"]]) is None


@settings(max_examples=40, deadline=None)
@given(token_lists)
def test_rouge_equals_the_textbook(texts: list[list[str]]) -> None:
    pairs = [
        2 * plain_lcs(a, b) / (len(a) + len(b)) if a or b else 1.0
        for a, b in combinations(texts, 2)
    ]
    assert rouge_l_homogenization(texts) == pytest.approx(sum(pairs) / len(pairs), abs=1e-12)


def test_rouge_of_many_texts_and_many_distinct_tokens(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    texts = zipf_texts(4, 23, words=9)
    whole = rouge_l_rows(texts)
    monkeypatch.setattr("sfr_eval.metrics.rouge._ROWS", 5)
    np.testing.assert_allclose(rouge_l_rows(texts), whole)
    many = [[str(i) for i in range(60_000)], ["59999", "55400", "56000"]]
    assert rouge_l_rows(many)[0] == pytest.approx(2 * 2 / 60_003)  # 55400 56000 in order


def test_rouge_equals_rouge_score() -> None:
    scorer = pytest.importorskip("rouge_score.rouge_scorer", reason="pip install rouge_score")
    texts = [" ".join(text) for text in zipf_texts(5, 12)]
    rouge = scorer.RougeScorer(["rougeL"], use_stemmer=False)
    pairs = [
        rouge.score(a, b)["rougeL"].fmeasure
        for i, a in enumerate(texts)
        for j, b in enumerate(texts)
        if i != j
    ]
    split = load_tokenizer("rouge-v1")
    found = rouge_l_homogenization([split(text) for text in texts])
    assert found == pytest.approx(np.mean(pairs), abs=1e-9)
