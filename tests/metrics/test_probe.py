"""pytest tests/metrics/test_probe.py"""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from sfr_eval.embeddings.encoder import Encoder
from sfr_eval.metrics import style
from sfr_eval.metrics.labels import labelled_replies
from sfr_eval.metrics.probe import Probe, fit_probe
from sfr_eval.suites.suite import Suite
from tests.metrics.conftest import MakeContext, answers, make_sample


def test_notes_have_the_reliability_of_the_probe(small: Suite, encoder: Encoder) -> None:
    strength, accuracy, _ = style.compute(answers(small, encoder, cross=0.0))
    notes = strength.notes
    assert notes["labelled_replies"] == 12 * 3 * 2
    assert notes["held_out_accuracy"] > 0.6
    assert notes["chance_accuracy"] == pytest.approx(1 / 3)
    assert 0.15 < notes["permuted_accuracy"] < 0.5
    assert "within query" in notes["permuted"]
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
        for persona, words in (("pirate", "Arr, matey"), ("butler", "Very good, sir"))
    ]
    file.write_text("".join(json.dumps(row) + "\n" for row in rows))
    made = replace(answers(small, encoder, cross=0.0), style_data=file)
    strength, *_ = style.compute(made)
    assert strength.notes["labelled"] == "--style-data mine.jsonl"
    assert strength.notes["personas"] == 2
    sergeant = [value for value in strength.values if value.persona == "sergeant"]
    assert {value.value for value in sergeant} == {None}
    assert sergeant[0].reason.startswith(
        "the probe does not know `sergeant`: it has fewer than 10 "
    )
    assert strength.notes["personas_not_measured"] == [
        "sergeant (labelled replies: 0, to different questions: 0)"
    ]
    assert all(v.value is not None for v in strength.values if v.persona == "pirate")


def test_too_few_labelled_replies_leave_it_undefined(context: MakeContext) -> None:
    strength, accuracy, _ = style.compute(context({("q", "x"): ["hello"], ("q", "y"): ["hi"]}))
    for result in (strength, accuracy):
        assert [value.value for value in result.values] == [None, None]
        assert "10 replies to at least 2 questions for 0 of 2 personas" in result.values[0].reason


def labelled_file(file: Path, rows: Sequence[tuple[str, str, str]]) -> Path:
    lines = [json.dumps({"text": t, "persona": p, "query": q}) for t, p, q in rows]
    file.write_text("\n".join(lines))
    return file


THINGS = ("sail", "rope", "barrel", "deck", "anchor", "lamp", "broom", "spoon", "wheel", "gate")
SAYINGS = {
    "pirate": "Arr, matey, hoist the {} at dawn or walk the plank!",
    "butler": "Very good, sir. I shall have the {} polished and laid out directly.",
}


def two_personas(
    small: Suite, encoder: Encoder, file: Path, query: Callable[[str, str, int], str]
) -> Mapping[str, Any]:
    """Fit the probe on 20 replies of each of two personas. Returns its notes."""
    rows = [
        (saying.format(f"{kind} {thing}"), persona, query(persona, f"{kind} {thing}", number))
        for kind in ("old", "new")
        for number, thing in enumerate(THINGS)
        for persona, saying in SAYINGS.items()
    ]
    two = replace(small, personas={p: small.personas[p] for p in SAYINGS})
    made = replace(answers(two, encoder, cross=0.0), style_data=labelled_file(file, rows))
    return style.compute(made)[0].notes


def test_chance_is_one_in_two_however_questions_are_shared(
    small: Suite, encoder: Encoder, tmp_path: Path
) -> None:
    """One question asked of both personas once moved chance from 45 % to 96 %."""
    queries: dict[str, Callable[[str, str, int], str]] = {
        "none": lambda persona, thing, _: f"{persona} and the {thing}",
        "one": lambda persona, thing, _: (
            "sail" if thing == "old sail" else f"{persona} and {thing}"
        ),
        "some": lambda persona, thing, n: thing if n % 2 else f"{persona} and the {thing}",
        "all": lambda _, thing, __: f"What about the {thing}?",
        "unknown": lambda *_: "",
    }
    for shared, query in queries.items():
        notes = two_personas(small, encoder, tmp_path / f"{shared}.jsonl", query)
        assert notes["chance_accuracy"] == 0.5
        assert notes["permuted_accuracy"] == pytest.approx(0.5, abs=0.1)
        assert notes["held_out_accuracy"] > 0.9
        assert notes["held_out_low"] > 0.7


def test_questions_that_give_the_persona_away_are_noted(
    small: Suite, encoder: Encoder, tmp_path: Path
) -> None:
    def notes(query: Callable[[str, str, int], str]) -> Mapping[str, Any]:
        return two_personas(small, encoder, tmp_path / "mine.jsonl", query)

    topics = {
        "pirate": "How is the {} stowed below deck?",
        "butler": "Which wine goes with the {}?",
    }
    assert notes(lambda persona, thing, _: topics[persona].format(thing))["question_low"] > 0.7
    # Other things for each persona, but of one kind and in the same words.
    found = notes(lambda persona, thing, n: f"Where is {thing} {(n + (persona == 'pirate')) % 2}?")
    assert found["question_low"] < 0.55
    assert found["unshared_questions"] == 1.0
    # Ids: what was asked is not known.
    found = notes(lambda persona, thing, _: f"{persona}-{thing}".replace(" ", "-"))
    assert found["question_accuracy"] is None
    assert found["unshared_questions"] == 1.0
    assert "question_accuracy" not in notes(lambda _, thing, __: f"What about the {thing}?")


def test_a_run_scores_what_the_labelled_replies_do(small: Suite, encoder: Encoder) -> None:
    """The benchmark's own replies, drawn anew, on the scale of the probe's held-out accuracy."""
    strength, accuracy, _ = style.compute(answers(small, encoder, cross=0.0, k=8))
    notes = accuracy.notes
    score = np.mean([value.value for value in accuracy.values])
    assert notes["held_out_low"] <= score <= notes["held_out_high"]
    assert np.mean([value.value for value in strength.values]) == pytest.approx(
        notes["held_out_strength"], abs=0.08
    )


def test_a_query_is_read_by_a_probe_that_has_not_seen_it(small: Suite, encoder: Encoder) -> None:
    """The labelled replies, given as a run's, score what was held out, not what was fitted."""
    context = answers(small, encoder, cross=0.0)
    data = labelled_replies(context)
    rows = zip(data.texts, data.personas, data.queries, strict=True)
    samples = [
        make_sample(query, persona, i, text, suite=small.id)
        for i, (text, persona, query) in enumerate(rows)
    ]
    _, accuracy, _ = style.compute(replace(context, samples=samples))
    values = [value.value for value in accuracy.values]
    assert np.mean(values) == pytest.approx(accuracy.notes["held_out_accuracy"])
    probe = fit_probe(context)
    assert isinstance(probe, Probe)
    fitted = probe.model.predict(context.embeddings(data.texts))
    assert np.mean(fitted == np.array(data.personas)) > np.mean(values) + 0.03


def test_unknown_queries_are_read_by_the_whole_probe(small: Suite, encoder: Encoder) -> None:
    probe = fit_probe(answers(small, encoder, cross=0.0))
    assert isinstance(probe, Probe)
    rows = encoder.encode(["Arr, matey!", "Very good, sir."])
    first = next(iter(small.queries))
    new = probe.probabilities(rows, ["nowhere", "nowhere"])
    assert new == pytest.approx(probe.model.predict_proba(rows))
    mixed = probe.probabilities(rows, ["nowhere", first])
    assert mixed[0] == pytest.approx(new[0], rel=1e-5)  # float32
    assert np.abs(mixed[1] - new[1]).max() > 1e-6
    assert mixed.sum(axis=1) == pytest.approx([1, 1])


def test_replies_that_repeat_labelled_texts_are_noted(
    small: Suite, encoder: Encoder, tmp_path: Path
) -> None:
    context = answers(small, encoder, cross=0.0)
    learnt = [(s.text, s.persona, "") for s in context.samples[::2]]
    file = labelled_file(tmp_path / "sft.jsonl", learnt)
    notes = style.compute(replace(context, style_data=file))[0].notes
    assert notes["labelled_texts_among_replies"] == 1.0
    assert notes["replies_among_labelled_texts"] >= 0.5
    others = answers(small, encoder, cross=0.0, k=3).samples[2::3]
    fresh = labelled_file(
        tmp_path / "new.jsonl", [(f"Well now! {s.text}", s.persona, "") for s in others]
    )
    notes = style.compute(replace(context, style_data=fresh, fitted={}))[0].notes
    assert notes["labelled_texts_among_replies"] == notes["replies_among_labelled_texts"] == 0.0
    own = style.compute(replace(context, fitted={}))[0].notes
    assert "labelled_texts_among_replies" not in own
