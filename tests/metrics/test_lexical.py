"""pytest tests/metrics/test_lexical.py"""

import random
import time
import warnings
from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from nltk.translate.bleu_score import SmoothingFunction, sentence_bleu

from sfr_eval.metrics import lexical
from sfr_eval.metrics.bleu import cross_style_self_bleu, self_bleu
from sfr_eval.metrics.lexical import distinct_n, tokenize
from tests.metrics.conftest import MakeContext

# The oracle set T of reference/metrics.md, section 4.
T = [text.split() for text in ("a b c d e", "a b c d f", "a b x y z", "a b c d e g")]

token_lists = st.lists(st.lists(st.sampled_from("abc"), max_size=6), min_size=2, max_size=7)


def test_self_bleu_of_the_worked_example() -> None:
    expected = [1.0, 0.668740, 0.113622, 0.759836]
    np.testing.assert_allclose(self_bleu(T, [0] * 4)[:, 3], expected, atol=5e-7)


def test_cross_style_self_bleu_of_the_worked_example() -> None:
    expected = [0.668740, 0.668740, 0.113622, 0.508133]
    scores = cross_style_self_bleu(T, [0] * 4, [0, 1, 1, 0])
    np.testing.assert_allclose(scores[:, 3], expected, atol=5e-7)


def test_self_bleu_of_short_texts() -> None:
    scores = self_bleu([["a"], ["a", "b"], ["c"]], [0] * 3)
    np.testing.assert_allclose(scores[:, 3], [0.177828, 0.149535, 0.0], atol=5e-7)


def test_distinct_of_the_worked_example() -> None:
    assert distinct_n(T, 1) == pytest.approx(10 / 21)
    assert distinct_n(T, 2) == pytest.approx(9 / 17)
    assert distinct_n([["a"], []], 2) is None


def test_tokenize_folds_case_and_keeps_punctuation_apart() -> None:
    assert tokenize("Don't STOP, 3 times… Straße!") == [
        "don't", "stop", ",", "3", "times", "\u2026", "strasse", "!",
    ]  # fmt: skip
    assert tokenize("\u4f60\u597d ok") == ["\u4f60", "\u597d", "ok"]
    assert tokenize(" \n") == []


def nltk_bleu(text: Sequence[str], references: list[Sequence[str]], n: int) -> float:
    smoothing, weights = SmoothingFunction().method1, (1 / n,) * n
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return float(sentence_bleu(references, text, weights, smoothing_function=smoothing))


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


@given(token_lists)
def test_duplicates_lower_distinct_n(texts: list[list[str]]) -> None:
    once, twice = distinct_n(texts, 1), distinct_n(texts + texts, 1)
    assert (once is None) == (twice is None)
    if once is not None and twice is not None:
        assert twice == pytest.approx(once / 2)


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
        start = time.perf_counter()
        self_bleu(texts, groups)
        times.append(time.perf_counter() - start)
    assert min(times) < 0.5  # .25 s measured on two busy cores


def test_values_of_a_prompt_and_of_a_query(context: MakeContext) -> None:
    made = context(
        {
            ("q", "x"): ["a b c d e", "a b c d f"],
            ("q", "y"): ["a b x y z", None],
            ("r", "x"): ["a b", "c d"],
        }
    )
    results = {result.metric: result for result in lexical.compute(made)}
    prompt = results["self_bleu_4"]
    # Each text has one reference: precisions 4/5, 3/4, 2/3, 1/2.
    expected = (4 / 5 * 3 / 4 * 2 / 3 * 1 / 2) ** 0.25
    assert [v.value for v in prompt.values] == [pytest.approx(expected), None, 0.0]
    assert prompt.values[1].reason == "fewer than 2 replies with text"
    query = results["cs_self_bleu_1"]
    # Index 0 of x and y share a and b, each 2 of 5; y has no index 1; r has one persona.
    assert [v.value for v in query.values] == [pytest.approx(2 / 5), None]
    assert query.values[1].reason == "fewer than 2 personas replied"
    assert {v.persona for v in query.values} == {""}
    assert results["distinct_1"].values[0].value == pytest.approx(6 / 10)
    assert results["distinct_1"].values[1].value is None


def test_cross_style_ignores_copies_within_a_persona(context: MakeContext) -> None:
    """The fair form: repeating all replies changes k, and nothing else."""
    once = context({("q", "x"): ["a b c"], ("q", "y"): ["a b d"]})
    often = context({("q", "x"): ["a b c"] * 4, ("q", "y"): ["a b d"] * 4})
    values = [
        next(r for r in lexical.compute(made) if r.metric == "cs_self_bleu_2").values[0].value
        for made in (once, often)
    ]
    assert values[0] == pytest.approx(values[1])


@settings(max_examples=30)
@given(st.permutations(["x", "y", "z"]))
def test_relabelling_personas_changes_no_score(names: list[str]) -> None:
    texts = [list("abcd"), list("abce"), list("wxyz")]
    expected = cross_style_self_bleu(texts, [0] * 3, ["x", "y", "z"])
    np.testing.assert_array_equal(cross_style_self_bleu(texts, [0] * 3, names), expected)
