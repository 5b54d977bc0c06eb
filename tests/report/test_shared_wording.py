"""pytest tests/report/test_shared_wording.py"""

from itertools import chain

import numpy as np
import pytest

from sfr_eval.metrics.tokenizers import words
from sfr_eval.report import shared_wording
from sfr_eval.report.shared_wording import disagreement, repetition


def test_repetition_by_hand() -> None:
    # Five words are two 4-grams, of which the first is in both replies.
    assert repetition({"q": ["a b c d e", "A b c d f"]}) == {"q": 0.5}
    # A copy shares all; a reply of one word is one sequence.
    assert repetition({"q": ["x", "x", "y"]}) == {"q": pytest.approx(2 / 3)}
    # Each Chinese character is a word: of three sequences of 4 in six, one is shared.
    assert repetition({"q": ["今天天气很好", "今天天气不好"]}) == {"q": pytest.approx(1 / 3)}


def test_fewer_than_two_replies_have_no_repetition() -> None:
    assert repetition({"one": ["a"], "none": []}) == {"one": None, "none": None}
    assert repetition({}) == {}
    assert repetition({"q": ["", ""]}) == {"q": 1.0}  # two empty replies are copies


def test_disagreement_by_hand() -> None:
    # Copies within a run say nothing; only what the other run shares counts.
    assert disagreement({"q": [["a b c d e"] * 2, ["a b c d f"]]}) == {"q": 0.5}
    assert disagreement({"q": [["x"], ["x"]]}) == {"q": 0}
    assert disagreement({"q": [["x", "x"], []]}) == {"q": None}


def slow(texts: list[str]) -> float:
    """The definition, with sets."""
    grams = []
    for text in texts:
        tokens = words(text)
        whole = [tuple(tokens)]
        grams.append([tuple(tokens[i : i + 4]) for i in range(len(tokens) - 3)] or whole)
    shares = []
    for i, own in enumerate(grams):
        others = set(chain(*(grams[:i] + grams[i + 1 :])))
        shares.append(sum(gram in others for gram in own) / len(own))
    return sum(shares) / len(shares)


def test_repetition_equals_its_definition_in_blocks_too(monkeypatch: pytest.MonkeyPatch) -> None:
    draw = np.random.default_rng(0)
    prompts = {
        number: [" ".join(draw.choice(list("abc."), draw.integers(0, 12))) for _ in range(5)]
        for number in range(40)
    }
    expected = {number: pytest.approx(slow(texts)) for number, texts in prompts.items()}
    assert repetition(prompts) == expected
    monkeypatch.setattr(shared_wording, "_BLOCK", 7)
    assert repetition(prompts) == expected


def test_the_order_of_replies_does_not_matter() -> None:
    texts = ["a b c d", "a b c d e", "q"]
    assert repetition({0: texts})[0] == pytest.approx(repetition({0: texts[::-1]})[0])
