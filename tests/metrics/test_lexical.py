"""pytest tests/metrics/test_lexical.py"""

import math
import random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sfr_eval.metrics import lexical
from sfr_eval.metrics.bleu import cross_style_self_bleu
from sfr_eval.metrics.distinct import (
    distinct_n,
    rarefied_distinct_n,
)
from sfr_eval.metrics.lexical import tokenize
from sfr_eval.metrics.repetition import (
    compression_ratio,
    self_repetition_rate,
)
from sfr_eval.metrics.rouge import rouge_l_homogenization
from sfr_eval.metrics.tokenizers import load_tokenizer
from tests.metrics.conftest import MakeContext
from tests.metrics.word_lists import token_lists


def test_tokenize_folds_case_and_keeps_punctuation_apart() -> None:
    assert tokenize("Don't STOP, 3 times… Straße!") == [
        "don't", "stop", ",", "3", "times", "\u2026", "strasse", "!",
    ]  # fmt: skip
    assert tokenize("\u4f60\u597d ok") == ["\u4f60", "\u597d", "ok"]
    assert tokenize(" \n") == []


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


@settings(max_examples=40, deadline=None)
@given(token_lists, st.randoms(use_true_random=False))
def test_set_measures_ignore_order_and_detect_copies(
    texts: list[list[str]], rng: random.Random
) -> None:
    shuffled = list(texts)
    rng.shuffle(shuffled)
    measures = {
        "distinct": lambda t: distinct_n(t, 1),
        "rarefied": lambda t: rarefied_distinct_n(t, 1, 2),
        "rouge": rouge_l_homogenization,
        "rate": lambda t: self_repetition_rate(t, n=1),
        "bytes": lambda t: compression_ratio(["".join(text) for text in t]),
    }
    for name, measure in measures.items():
        value, doubled = measure(texts), measure(texts + texts)
        assert value == pytest.approx(measure(shuffled), abs=1e-12), name
        if value is None or doubled is None or name == "bytes":
            continue
        assert 0 <= value <= 1 + 1e-12, name
        worse = doubled - value if name in ("rouge", "rate") else value - doubled
        assert worse >= -1e-9, name


def test_edge_cases_have_a_value_or_a_reason(context: MakeContext) -> None:
    made = context(
        {
            ("empty", "x"): ["", ""],
            ("one", "x"): ["a b c d e"],
            ("none", "x"): [None, None],
            ("same", "x"): ["a b c d e"] * 3,
        }
    )
    for result in lexical.compute(made):
        assert len(result.values) == 4, result.metric
        for value in result.values:
            assert (value.value is None) == bool(value.reason), (result.metric, value)
            assert value.value is None or math.isfinite(value.value), (result.metric, value)
    values = {r.metric: [v.value for v in r.values] for r in lexical.compute(made)}
    assert values["self_bleu_4"] == [1.0, None, None, 1.0]
    assert values["distinct_1"] == [1 / 2, None, None, pytest.approx(1 / 3)]
    assert values["rouge_l_homogenization"] == [1.0, None, None, 1.0]
    assert values["cs_self_bleu_4"] == [None] * 4  # one persona


def test_layout_and_case_make_no_reply_different(context: MakeContext) -> None:
    same = [
        "Buy bread, and milk today",
        "BUY BREAD,\nand  milk today",
        "buy bread, AND\u00a0milk today",
    ]
    values = {r.metric: r.values[0].value for r in lexical.compute(context({("q", "x"): same * 3}))}
    assert values["compression_ratio_fixed"] == 4
    assert values["self_bleu_4_fixed"] == values["rouge_l_homogenization"] == 1
    assert values["distinct_4_rarefied"] == pytest.approx(1 / 4)


def test_a_window_is_applied_and_reported(context: MakeContext) -> None:
    from dataclasses import replace

    made = context({("q", "x"): ["a b c", "a b d", "a"]})
    cut = replace(made, tokenizer=load_tokenizer(window=2))
    found = {r.metric: r for r in lexical.compute(cut)}
    # Bigrams a b, a b and the text a: two of three.
    assert found["distinct_2"].values[0].value == pytest.approx(2 / 3)
    assert found["distinct_2"].signature["token_window"] == 2
    assert found["distinct_2"].notes["shorter_than_window"] == pytest.approx(1 / 3)
