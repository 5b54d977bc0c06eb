"""pytest tests/metrics/test_syntax.py: parts of speech that replies have in the same order"""

from collections.abc import Sequence
from dataclasses import replace
from itertools import combinations
from typing import ClassVar

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sfr_eval.metrics import syntax
from sfr_eval.metrics.repetition import compression_ratio, compression_ratio_fixed
from sfr_eval.metrics.syntax import template_rate
from sfr_eval.metrics.taggers import NO_TAGGER
from tests.metrics.conftest import MakeContext


class Ruler:
    """A tagger of a few words."""

    signature = "rules"
    _TAGS: ClassVar = {"the": "D", "a": "D", "and": "C"}

    def tags(self, texts: Sequence[str]) -> list[list[str]]:
        return [
            [self._TAGS.get(w, "V" if w.endswith("s") else "N") for w in text.split()]
            for text in texts
        ]


def test_template_rate_by_hand() -> None:
    one, two = list("abcde"), list("vwxyz")
    # Two replies share a sequence of five; each meets the other in every draw of four.
    assert template_rate([one, [*"z", *one], two, list("mnopq")]) == pytest.approx(2 / 4)
    # Of four others, one shares: it is among three with chance 3/4.
    assert template_rate([one, one, two, list("mnopq"), list("fghij")]) == pytest.approx(0.3)
    assert template_rate([one, list("abcdx"), two, list("mnopq")]) == 0.0
    assert template_rate([one] * 3) is None


@pytest.mark.parametrize("tags", [[], ["a"], list("abcd"), list("abcdefghij") * 9])
def test_copies_are_templates_at_any_length(tags: list[str]) -> None:
    assert template_rate([tags] * 4) == 1.0
    assert template_rate([tags] * 9) == 1.0


@settings(max_examples=40, deadline=None)
@given(st.lists(st.text("ab", max_size=7), min_size=4, max_size=7))
def test_every_draw_of_four_is_counted(texts: list[str]) -> None:
    tags = [list(text) for text in texts]
    draws = [template_rate([tags[i] for i in own]) for own in combinations(range(len(tags)), 4)]
    assert template_rate(tags) == pytest.approx(np.mean([draw or 0.0 for draw in draws]))
    assert 0 <= (template_rate(tags) or 0) <= 1


def test_words_change_and_the_build_does_not(context: MakeContext) -> None:
    nouns = ["dough", "rice", "soup", "court", "judge", "verdict", "ship", "anchor"]
    alike = [f"the {noun} rises and the {noun} waits" for noun in nouns]
    built = [
        "the dough rises and the baker waits",
        "bread and soup and rice",
        "waits the ship a judge",
        "sits the court and sits the judge and sits",
    ] * 2
    made = context({("q", "x"): alike, ("r", "x"): built[:4], ("s", "x"): ["the dough"]})
    found = {r.metric: r for r in syntax.compute(replace(made, load_tagger=Ruler))}
    rates = [value.value for value in found["template_rate"].values]
    assert rates == [1.0, 0.0, None]
    assert found["template_rate"].values[2].reason == "fewer than 4 replies with text"
    tags = [" ".join(own) for own in Ruler().tags(alike)]
    assert found["pos_compression_ratio"].values[0].value == compression_ratio(tags)
    assert found["pos_compression_ratio_fixed"].values[0].value == compression_ratio_fixed(tags)
    assert found["pos_compression_ratio_fixed"].values[0].value == pytest.approx(4.0)
    assert found["template_rate"].signature["tagger"] == "rules"


def test_without_a_tagger_all_is_undefined(context: MakeContext) -> None:
    made = replace(context({("q", "x"): ["a"] * 4}), load_tagger=lambda: NO_TAGGER)
    for result in syntax.compute(made):
        assert [(v.value, v.reason) for v in result.values] == [(None, NO_TAGGER)]
        assert result.signature["tagger"] == "none"


def test_only_the_raw_ratio_rises_with_k(context: MakeContext) -> None:
    drawn = np.random.default_rng(0)
    texts = [" ".join(drawn.choice(["the", "dough", "sits", "and"], 30)) for _ in range(256)]
    means: dict[int, dict[str, float]] = {}
    for k in (4, 16):
        sets = {(f"q{i}", "x"): texts[i * k : i * k + k] for i in range(256 // k)}
        results = syntax.compute(replace(context(sets), load_tagger=Ruler))
        means[k] = {r.metric: float(np.mean([v.value for v in r.values])) for r in results}
    for metric in ("template_rate", "pos_compression_ratio_fixed"):
        assert means[16][metric] == pytest.approx(means[4][metric], rel=0.05), metric
    assert means[16]["pos_compression_ratio"] > 1.2 * means[4]["pos_compression_ratio"]
