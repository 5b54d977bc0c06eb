"""pytest tests/metrics/test_probe.py"""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from sfr_eval.embeddings.encoder import Encoder
from sfr_eval.metrics import probe, style
from sfr_eval.suites.suite import Suite
from tests.metrics.conftest import MakeContext, answers


def test_notes_have_the_reliability_of_the_probe(small: Suite, encoder: Encoder) -> None:
    strength, accuracy, _ = style.compute(answers(small, encoder, cross=0.0))
    notes = strength.notes
    assert notes["labelled_replies"] == 12 * 3 * 2
    assert notes["held_out_accuracy"] > 0.6
    assert 0.15 < notes["chance_accuracy"] < 0.5
    assert "within query" in notes["chance"]
    confusion = notes["confusion"]["1"]
    assert np.sum(confusion["counts"], axis=1).tolist() == [24, 24, 24]
    trace = np.trace(np.array(confusion["counts"])) / 72
    assert trace == pytest.approx(np.mean([value.value for value in accuracy.values]))


def test_probe_is_deterministic(small: Suite, encoder: Encoder) -> None:
    first, second = (style.compute(answers(small, encoder, cross=0.3)) for _ in range(2))
    assert first == second


def test_labelled_replies_of_the_user_come_first(
    small: Suite, encoder: Encoder, tmp_path: Path
) -> None:
    file = tmp_path / "mine.jsonl"
    rows = [
        {"text": f"{words} number {i}", "persona": persona, "query": f"q{i}"}
        for i in range(10)
        for persona, words in (("pirate", "Arr, matey"), ("butler", "Very good, sir"), ("xx", "hm"))
    ]
    file.write_text("".join(json.dumps(row) + "\n" for row in rows))
    made = replace(answers(small, encoder, cross=0.0), style_data=file)
    strength, *_ = style.compute(made)
    assert strength.notes["labelled"] == "--style-data mine.jsonl"
    assert strength.notes["personas"] == 2
    sergeant = [value for value in strength.values if value.persona == "sergeant"]
    assert {value.value for value in sergeant} == {None}
    assert sergeant[0].reason == "the probe does not know `sergeant`"
    assert all(v.value is not None for v in strength.values if v.persona == "pirate")


def test_too_few_labelled_replies_leave_it_undefined(context: MakeContext) -> None:
    strength, accuracy, _ = style.compute(context({("q", "x"): ["hello"], ("q", "y"): ["hi"]}))
    for result in (strength, accuracy):
        assert [value.value for value in result.values] == [None, None]
        assert "fewer than 10 replies" in result.values[0].reason


@pytest.mark.parametrize("queries", ["shared", "unknown"])
def test_chance_accuracy_holds_for_separable_data(queries: str) -> None:
    """Four classes that a probe tells apart without error; with permuted labels 1/4 is left."""
    rng = np.random.default_rng(0)
    codes = np.repeat(np.arange(4), 60)
    rows = 4 * np.eye(4)[codes] + rng.standard_normal((240, 4)) * 0.3
    labels = np.array(list("abcd"))[codes]
    names = np.array([f"q{i % 60}" if queries == "shared" else "" for i in range(240)])
    texts = [f"text {i:03}" for i in range(240)]
    trust = probe._trust(texts, rows, labels, names)
    assert trust["held_out_accuracy"] > 0.99
    assert trust["chance_accuracy"] == pytest.approx(0.25, abs=0.04)
    assert trust["length_only_accuracy"] < 0.35


def test_length_control_detects_personas_by_length() -> None:
    rng = np.random.default_rng(0)
    labels = np.array(list("ab") * 60)
    texts = ["word " * (3 if label == "a" else 9) + str(i) for i, label in enumerate(labels)]
    names = np.array([f"q{i // 2}" for i in range(120)])
    trust = probe._trust(texts, rng.standard_normal((120, 4)), labels, names)
    assert trust["length_only_accuracy"] > 0.99
    assert trust["held_out_accuracy"] < 0.7


def test_balanced_accuracy_gives_every_class_the_same_weight() -> None:
    labels, guesses = np.array(list("aaab")), np.array(list("aaaa"))
    assert probe.balanced_accuracy(labels, guesses) == 0.5
