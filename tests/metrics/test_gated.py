"""pytest tests/metrics/test_gated.py"""

from collections.abc import Mapping
from dataclasses import replace

import pytest

from sfr_eval.metrics import gated
from sfr_eval.metrics.context import Context
from sfr_eval.metrics.gates import Gate
from sfr_eval.types import MetricResult
from tests.metrics.conftest import MakeContext
from tests.metrics.vectors import TABLE, Vectors

REPLIES: dict[tuple[str, str], list[str | None]] = {
    ("q", "x"): ["a", "a", "b", "c", "c"],
    ("q", "y"): ["c", "c", "c", "c"],
}
GOOD = {"a": 1.0, "b": 1.0, "c": 0.0}


def results(
    context: Context, scores: Mapping[str, float], monkeypatch: pytest.MonkeyPatch
) -> dict[str, MetricResult]:
    """Measure behind a gate that gives each text a score; a text without one is not judged."""
    made = replace(context, encoder=Vectors(TABLE))  # type: ignore[arg-type]
    gate = Gate(
        name="by_text",
        trust="judge",
        scores={r.sample_id: scores[r.text] for r in made.replies if r.text in scores},
        signature={"votes": 3},
    )
    monkeypatch.setattr(gated, "gate_of", lambda _: gate)
    return {result.metric: result for result in gated.compute(made)}


def numbers(result: MetricResult) -> list[float | None]:
    return [value.value for value in result.values]


def test_the_filter_drops_bad_replies_but_counts_them(
    context: MakeContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = results(context(REPLIES), GOOD, monkeypatch)
    assert numbers(found["valid_embed_distance"]) == [pytest.approx(2 / 3), None]
    # 4 of 5 drawn: a (two) always, b with 4/5.
    assert numbers(found["valid_distinct_k"]) == [pytest.approx(1.8), 0.0]
    assert numbers(found["valid_self_bleu_4"]) == [None, None]
    assert numbers(found["valid_share"]) == [3 / 5, 0.0]
    result = found["valid_distinct_k"]
    assert (result.signature["gate"], result.signature["gate_votes"]) == ("by_text", 3)
    assert result.notes == {
        "gate": "by_text",
        "trust": "judge",
        "passed": 3 / 9,
        "not_judged": 0,
        "prompts_with_few": 1,
    }


def test_a_prompt_of_bad_replies_does_not_look_varied(
    context: MakeContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = results(context(REPLIES), GOOD, monkeypatch)
    values = {metric: result.values[1] for metric, result in found.items()}
    for metric in ("valid_embed_distance", "valid_vendi_q2", "valid_self_bleu_4"):
        assert values[metric].value is None
        assert "pass the gate" in values[metric].reason
    assert values["valid_distinct_k"].value == values["utility_k"].value == 0


def test_replies_that_were_not_judged_are_neither_good_nor_bad(
    context: MakeContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Without c: three replies judged in the first prompt, none in the second.
    found = results(context(REPLIES), {"a": 1.0, "b": 0.0}, monkeypatch)
    assert numbers(found["valid_share"]) == [2 / 3, None]
    assert numbers(found["valid_distinct_k"]) == [None, None]
    assert found["valid_share"].notes["not_judged"] == 6
    assert "could be judged" in found["utility_k"].values[0].reason


def test_good_replies_that_nobody_can_read_are_left_out(
    context: MakeContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    # "?" texts cannot be read (see Vectors): a good one is left out, bad ones stay bad.
    made = context({("q", "x"): ["a", "b", "?good", "?bad", "?bad"]})
    vectors = Vectors({**TABLE, "?good": [0.6, 0.8], "?bad": [0.6, 0.8]})
    made = replace(made, encoder=vectors)  # type: ignore[arg-type]
    scores = {r.sample_id: float(r.text != "?bad") for r in made.replies}
    gate = Gate(name="by_text", trust="judge", scores=scores)
    monkeypatch.setattr(gated, "gate_of", lambda _: gate)
    found = {result.metric: numbers(result) for result in gated.compute(made)}
    assert found["valid_share"] == [2 / 4]
    assert found["valid_embed_distance"] == [pytest.approx(1.0)]
    assert found["valid_distinct_k"] == [pytest.approx(2.0)]  # all four drawn, a and b among them


def test_utility_by_hand(context: MakeContext, monkeypatch: pytest.MonkeyPatch) -> None:
    # Four replies, all drawn: a and b each once, c twice with score .5. The expected weight of the
    # first place at which a class shows: for one copy mean(1, .8, .64, .512) = .738; for two, 1
    # with 1/2, .8 with 1/3, .64 with 1/6, so .873. Over 2.952 = 1 + .8 + .64 + .512:
    weights = {"one": 0.738, "two": 0.5 + 0.8 / 3 + 0.64 / 6}
    found = results(
        context({("q", "x"): ["a", "b", "c", "c"]}), {"a": 1.0, "b": 1.0, "c": 0.5}, monkeypatch
    )
    expected = (2 * weights["one"] + 0.5 * weights["two"]) / 2.952
    assert numbers(found["utility_k"]) == [pytest.approx(expected)]
    assert found["utility_k"].signature["patience"] == 0.8


def test_copies_and_bad_replies_both_lower_utility(
    context: MakeContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    prompts = context({
        ("q", "best"): ["a", "b", "c", "d"],
        ("q", "copies"): ["a", "a", "a", "a"],
        ("q", "bad"): ["a", "bad", "bad", "bad"],
    })  # fmt: skip
    table = {"a": [1, 0, 0, 0, 0], "b": [0, 1, 0, 0, 0], "c": [0, 0, 1, 0, 0], "d": [0, 0, 0, 1, 0]}
    vectors = Vectors({**table, "bad": [0.0, 0, 0, 0, 1]})
    made = replace(prompts, encoder=vectors)  # type: ignore[arg-type]
    scores = {r.sample_id: float(r.text != "bad") for r in made.replies}
    gate = Gate(name="by_text", trust="judge", scores=scores)
    monkeypatch.setattr(gated, "gate_of", lambda _: gate)
    found = {result.metric: numbers(result) for result in gated.compute(made)}
    assert found["utility_k"] == [
        pytest.approx(1.0),
        pytest.approx(1 / 2.952),  # the first reply alone
        pytest.approx(0.738 / 2.952),
    ]


def test_without_a_gate_there_is_no_claim(
    context: MakeContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert gated.compute(context(REPLIES)) == []  # a suite that asks one question
    monkeypatch.setattr(gated, "gate_of", lambda _: "no gate")
    assert gated.compute(context({})) == []
