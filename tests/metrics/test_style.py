"""pytest tests/metrics/test_style.py"""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from sfr_eval.embeddings.encoder import Encoder
from sfr_eval.metrics import probe, style
from sfr_eval.metrics.context import Context
from sfr_eval.suites.suite import Suite, load_suite
from tests.metrics.conftest import MakeContext, make_sample


@pytest.fixture(scope="module")
def small() -> Suite:
    """Three personas and twelve queries of the persona suite: 72 labelled replies."""
    suite = load_suite("persona", personas=("pirate", "sergeant", "butler"))
    return replace(suite, queries=dict(list(suite.queries.items())[:12]))


def answers(suite: Suite, encoder: Encoder, *, cross: float, k: int = 2) -> Context:
    assert suite.world is not None
    world, rng = suite.world.dialed(cross=cross), np.random.default_rng(5)
    samples = [
        make_sample(query, persona, index, world.sample(persona, query, rng), suite=suite.id)
        for query in suite.queries
        for persona in suite.personas
        for index in range(k)
    ]
    return Context(samples=samples, suite=suite, encoder=encoder)


def test_measures_of_one_prompt() -> None:
    table = np.array([[0.7, 0.2, 0.1], [0.3, 0.4, 0.3]])
    assert style.style_strength(table, 0) == pytest.approx(0.5)
    assert style.style_accuracy(table, 0) == pytest.approx(0.5)
    assert style.style_strength(table[:0], 0) is None
    assert style.style_accuracy(table[:0], 0) is None


def test_strength_falls_with_the_dial(small: Suite, encoder: Encoder) -> None:
    means = []
    for cross in (0.0, 1.0):
        strength, accuracy, _ = style.compute(answers(small, encoder, cross=cross))
        means.append(np.mean([value.value for value in strength.values]))
        assert all(value.value is not None for value in accuracy.values)
    assert means[0] > 0.6
    assert means[1] < 0.5  # one voice for three personas: a third by chance


def test_blocks_of_embeddings_give_the_values_of_all_at_once(
    small: Suite, encoder: Encoder, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = answers(small, encoder, cross=0.5)
    whole = style.compute(made)
    monkeypatch.setattr(
        "sfr_eval.embeddings.encoder._BLOCK", 7
    )  # 72 replies: the last block is short
    assert [len(rows) for rows in made.reply_embedding_blocks()] == [7] * 10 + [2]
    for one, other in zip(whole, style.compute(made), strict=True):
        values = [v.value for v in other.values]  # of float32 embeddings
        assert [v.value for v in one.values] == pytest.approx(values, abs=1e-6)
        assert one.notes["confusion"] == other.notes["confusion"]
    assert made.reply_embeddings.shape == (72, 384)
    assert len(list(made.reply_embedding_blocks())) == 1  # they are there: no second reading


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
