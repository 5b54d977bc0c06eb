"""pytest tests/metrics/test_bleu.py"""

import random
import time
import warnings
from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from nltk.translate.bleu_score import SmoothingFunction, sentence_bleu

from sfr_eval.metrics.bleu import (
    cross_style_self_bleu,
    self_bleu,
    self_bleu_fixed,
)
from tests.metrics.word_lists import T, token_lists, zipf_texts


def nltk_bleu(text: Sequence[str], references: list[Sequence[str]], n: int) -> float:
    """BLEU of the highest order that the text has; of an empty text, whether a reference is."""
    if not text:
        return float(not all(references))
    n = min(n, len(text))
    smoothing, weights = SmoothingFunction().method1, (1 / n,) * n
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return float(sentence_bleu(references, text, weights, smoothing_function=smoothing))


def test_self_bleu_of_the_worked_example() -> None:
    expected = [1.0, 0.668740, 0.113622, 0.759836]
    np.testing.assert_allclose(self_bleu(T, [0] * 4)[:, 3], expected, atol=5e-7)


def test_cross_style_self_bleu_of_the_worked_example() -> None:
    expected = [0.668740, 0.668740, 0.113622, 0.508133]
    scores = cross_style_self_bleu(T, [0] * 4, [0, 1, 1, 0])
    np.testing.assert_allclose(scores[:, 3], expected, atol=5e-7)


def test_self_bleu_of_short_texts() -> None:
    """ "a" is BLEU-1 against "a b" and "c": its one token is there, and "c" is as long. "a b" is
    BLEU-2: precisions 1/2 and .1/1, brevity exp(0), since one token is nearer than none."""
    scores = self_bleu([["a"], ["a", "b"], ["c"]], [0] * 3)
    np.testing.assert_allclose(scores[0], [1.0] * 4)
    np.testing.assert_allclose(scores[1], [0.5] + [(0.5 * 0.1) ** 0.5] * 3)
    np.testing.assert_allclose(scores[2], [0.0] * 4)


@pytest.mark.parametrize("words", [0, 1, 2, 3, 5, 60, 400])
def test_copies_score_one_at_any_length(words: int) -> None:
    copies = [[f"w{i % 97}" for i in range(words)]] * 8
    apart = list(range(8))
    for scores in (
        self_bleu(copies, [0] * 8),
        self_bleu_fixed(copies, [0] * 8),
        self_bleu_fixed(copies, [0] * 8, references=3),
        cross_style_self_bleu(copies, [0] * 8, apart),
    ):
        np.testing.assert_array_equal(scores, np.ones((8, 4)))


def test_an_empty_text_shares_nothing_with_others() -> None:
    scores = self_bleu([[], ["a"], ["b"]], [0] * 3)
    np.testing.assert_array_equal(scores, np.zeros((3, 4)))


@pytest.mark.parametrize("seed", range(24))
def test_equal_to_nltk(seed: int) -> None:
    """24 x 18 texts of 0 to 12 tokens from small and large vocabularies: repeats, duplicates,
    empty texts, unseen tokens, groups of one."""
    rng = random.Random(seed)
    vocabulary = rng.choice([1, 2, 5, 40])
    texts = [[str(rng.randrange(vocabulary)) for _ in range(rng.randrange(13))] for _ in range(16)]
    texts += [list(texts[0]), ["only", "here"]]
    groups = [rng.choice("xyz") for _ in texts[:-1]] + ["alone"]
    styles = [rng.randrange(3) for _ in texts]
    for owners in (list(range(len(texts))), styles):
        scores = cross_style_self_bleu(texts, groups, owners)
        for i, text in enumerate(texts):
            references = [
                other
                for j, other in enumerate(texts)
                if groups[j] == groups[i] and owners[j] != owners[i]
            ]
            for n in range(1, 5):
                expected = nltk_bleu(text, references, n) if references else np.nan
                assert scores[i, n - 1] == pytest.approx(expected, abs=1e-9, nan_ok=True)


@given(token_lists)
def test_one_style_for_each_text_is_self_bleu(texts: list[list[str]]) -> None:
    scores = cross_style_self_bleu(texts, [0] * len(texts), [f"s{i}" for i in range(len(texts))])
    np.testing.assert_array_equal(scores, self_bleu(texts, [0] * len(texts)))


@given(token_lists, st.randoms(use_true_random=False))
def test_self_bleu_follows_permutations_within_its_range(
    texts: list[list[str]], rng: random.Random
) -> None:
    order = list(range(len(texts)))
    rng.shuffle(order)
    scores = self_bleu(texts, [0] * len(texts))
    moved = self_bleu([texts[i] for i in order], [0] * len(texts))
    np.testing.assert_allclose(moved, scores[order], atol=1e-12)
    assert ((scores >= 0) & (scores <= 1 + 1e-12)).all()


def test_a_copy_scores_one() -> None:
    scores = self_bleu([list("abcde"), list("abcde"), list("vwxyz")], [0] * 3)
    np.testing.assert_allclose(scores[:2], 1.0)
    np.testing.assert_allclose(scores[2], 0.0)


def test_no_text_gives_an_empty_array() -> None:
    assert self_bleu([], []).shape == (0, 4)


def test_ten_thousand_texts_take_less_than_half_a_second() -> None:
    rng = np.random.default_rng(0)
    zipf = 1 / np.arange(1, 6001)
    words = rng.choice(6000, p=zipf / zipf.sum(), size=(10_048, 60)).astype(str)
    texts = words.tolist()
    groups = [i // 64 for i in range(len(texts))]
    times = []
    for _ in range(5):
        start = time.process_time()
        self_bleu(texts, groups)
        times.append(time.process_time() - start)
    assert min(times) < 0.5  # .25 s measured on two busy cores


def test_fixed_references_of_the_worked_example() -> None:
    """One reference: the mean over the three pairings of T is .383795. 600 draws, 3 sigma .012."""
    scores = self_bleu_fixed(T, [0] * 4, references=1, draws=600)[:, 3]
    assert scores.mean() == pytest.approx(0.383795, abs=0.012)
    pairings = [((0, 1), (2, 3)), ((0, 2), (1, 3)), ((0, 3), (1, 2))]
    exact = np.mean(
        [self_bleu([T[a], T[b]], [0, 0])[:, 3].mean() for pair in pairings for a, b in pair]
    )
    assert exact == pytest.approx(0.383795, abs=5e-7)
    assert np.isnan(self_bleu_fixed(T, [0] * 4, references=4)).all()


def test_a_group_is_scored_independently_of_others() -> None:
    texts = zipf_texts(1, 40, words=12)
    groups = [0] * 20 + [1] * 20
    together = self_bleu_fixed(texts, groups)
    np.testing.assert_array_equal(together[20:], self_bleu_fixed(texts[20:], [5] * 20))


@pytest.mark.parametrize("cross", [False, True])
def test_a_thousand_texts_and_240_edge_cases_equal_nltk(cross: bool) -> None:
    rng = random.Random(3)
    texts, groups = zipf_texts(2, 1_000, words=14), [i // 8 for i in range(1_000)]
    for case in range(60):  # 60 groups of 4: lengths 0-15, repeats, duplicates, unseen, alone
        words = rng.choice(["a", "ab", "abcdefghijklmnop"])
        own = [[rng.choice(words) for _ in range(rng.randrange(16))] for _ in range(2)]
        own += [list(own[0]), [f"unseen{case}"] * rng.randrange(4)]
        texts += own
        groups += [1_000 + case] * 3 + [1_000 + case if case % 3 else 2_000 + case]
    styles = [rng.randrange(3) for _ in texts] if cross else list(range(len(texts)))
    scores = cross_style_self_bleu(texts, groups, styles)[:, 3]
    members: dict[int, list[int]] = {}
    for i, group in enumerate(groups):
        members.setdefault(group, []).append(i)
    worst = 0.0
    for i, text in enumerate(texts):
        others = [texts[j] for j in members[groups[i]] if styles[j] != styles[i]]
        if not others:
            assert np.isnan(scores[i])
            continue
        worst = max(worst, abs(scores[i] - nltk_bleu(text, others, 4)))
    assert worst < 1e-9
