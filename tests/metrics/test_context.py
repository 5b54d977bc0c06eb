"""pytest tests/metrics/test_context.py"""

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
import pytest

from sfr_eval.embeddings.encoder import Encoder
from sfr_eval.metrics.context import Context
from sfr_eval.metrics.families import load_family
from sfr_eval.metrics.table import metric_table
from sfr_eval.metrics.tokenizers import load_tokenizer
from sfr_eval.suites.suite import Suite
from tests.metrics.conftest import MakeContext, answers

FAMILIES = ("lexical", "semantic", "style")


def in_window(context: Context, window: int | None) -> Context:
    return replace(context, tokenizer=load_tokenizer(window=window), permutations=0)


def means(context: Context, families: Sequence[str] = FAMILIES) -> dict[str, float]:
    """Mean of every metric over the prompts or queries where it is defined."""
    return {
        result.metric: float(np.mean([v.value for v in result.values if v.value is not None]))
        for family in families
        for result in load_family(family).compute(context)
    }


def joined(context: Context, parts: int) -> Context:
    """Join each reply with the next ones to its prompt: independent replies, so just longer."""
    own = {key: [reply.text for reply in replies] for key, replies in context.by_prompt.items()}
    k = 8
    samples = [
        replace(reply, text=" ".join(own[reply.cell][i + k * part] for part in range(parts)))
        for replies in context.by_prompt.values()
        for i, reply in enumerate(replies[:k])
    ]
    return replace(context, samples=samples)


def test_length_alone_moves_no_measure_by_a_twentieth(small: Suite, encoder: Encoder) -> None:
    """One, two and four independent replies joined, in the suite's own window. Without a window
    four look as if most of the variety were gone."""
    drawn = answers(small, encoder, cross=0, k=32)
    short, *longer = (
        means(in_window(joined(drawn, parts), small.spec.window())) for parts in (1, 2, 4)
    )
    spans = {
        id: metric.span for id, metric in metric_table().items() if metric.span and id in short
    }
    assert {"embed_distance", "self_bleu_4_fixed", "distinct_2_rarefied", "style_accuracy"} <= set(
        spans
    )
    for long in longer:
        shifts = {id: abs(long[id] - short[id]) / span for id, span in spans.items()}
        assert {id: part for id, part in shifts.items() if part > 0.05} == {}
    few = replace(drawn, samples=drawn.samples[: 2 * 3 * 32])  # of long texts
    whole = [means(in_window(joined(few, parts), None), ("semantic",)) for parts in (1, 4)]
    assert whole[1]["embed_distance"] < whole[0]["embed_distance"] - 0.25 * spans["embed_distance"]


def test_words_and_meaning_read_the_same_window(context: MakeContext) -> None:
    """Two texts with the same first four tokens are the same text, one that differs there is not;
    facts read the whole reply."""
    made = context({("q", "x"): ["a b c d e f", "A  b\u200b c d g h", "a b c x e f", "a b"]})
    cut = in_window(made, 4)
    assert cut.texts == ["a b c d", "A b c d", "a b c x", "a b"]
    rows = cut.reply_embeddings
    assert rows[0] @ rows[1] == pytest.approx(1, abs=1e-5)
    assert rows[0] @ rows[2] < 0.99
    np.testing.assert_array_equal(np.concatenate(list(cut.reply_embedding_blocks())), rows)
    np.testing.assert_array_equal(cut.embeddings(["a b c d z"])[0], rows[0])
    assert means(cut, ["text"])["length"] == pytest.approx((6 + 6 + 6 + 2) / 4)
    assert means(cut, ["text"])["duplicate_rate"] == 0


def test_the_window_is_in_every_signature_that_it_changes(context: MakeContext) -> None:
    made = context({("q", p): ["a b c d e", "a b c x", "a", "b c", "c d"] for p in "xy"})
    for window, shorter in ((None, None), (3, 3 / 5)):
        for family in ("lexical", "semantic"):
            for result in load_family(family).compute(in_window(made, window)):
                assert result.signature.get("token_window") == window, result.metric
                assert result.signature["text"] == "nfc-visible-v1", result.metric
                if result.metric != "cross_style_energy":
                    assert result.notes.get("shorter_than_window") == shorter, result.metric
                    # a b c d e and a b c x are cut after 5 of 9 and of 7 of all 23 characters.
                    beyond = None if window is None else pytest.approx(6 / 23)
                    assert result.notes.get("beyond_window") == beyond, result.metric


OF_COPIES: Mapping[str, float] = {
    **{f"self_bleu_{n}": 1.0 for n in range(1, 5)},
    **{f"self_bleu_{n}_fixed": 1.0 for n in range(1, 5)},
    **{f"cs_self_bleu_{n}": 1.0 for n in range(1, 5)},
    **{f"style_bleu_gap_{n}": 0.0 for n in range(1, 5)},
    **{f"distinct_{n}": 1 / 8 for n in range(1, 5)},
    **{f"distinct_{n}_rarefied": 1 / 4 for n in range(1, 5)},
    "rouge_l_homogenization": 1.0,
    "compression_ratio_fixed": 4.0,
    "self_repetition_rate": 1.0,
    "duplicate_rate": 1.0,
    "modal_share": 1.0,
    "unique_share": 1 / 8,
    "embed_distance": 0.0,
    "vendi_q1": 1.0,
    "vendi_q2": 1.0,
    "mean_squared_kernel": 1.0,
    "distinct_k": 1.0,
}
"""The value of eight copies of a text without a repeated word, at any length: the extreme one."""


@pytest.mark.parametrize("window", [None, 32])
@pytest.mark.parametrize("words", [0, 1, 5, 60, 400])
def test_copies_have_the_extreme_value_at_any_length(
    context: MakeContext, words: int, window: int | None
) -> None:
    copies = [" ".join(f"w{i}" for i in range(words))] * 8
    made = in_window(context({("q", persona): copies for persona in "vwxyz"}), window)
    values = means(made, ("lexical", "semantic", "text"))
    assert {id: values[id] for id in OF_COPIES} == pytest.approx(OF_COPIES, rel=5e-3, abs=1e-5)
    # Without a bound that holds at any length: far worse than eight texts of as many words.
    apart = in_window(context({("q", "v"): other_texts(copies[0])}), window)
    varied = means(apart, ("lexical", "semantic"))
    signs = {"compression_ratio": 1, "self_repetition": 1, "dpp_logdet": -1, "ead_2": -1}
    for id, sign in signs.items():
        assert (values[id] - varied[id]) * sign >= (0.15 if words else 0), id


def other_texts(text: str) -> list[str]:
    """Eight texts of as many words, none of which is in two of them."""
    return [" ".join(f"{name}{word}" for word in text.split()) for name in "abcdefgh"]
