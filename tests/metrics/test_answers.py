"""pytest tests/metrics/test_answers.py"""

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from sfr_eval.metrics.answers import LEVEL, compute
from sfr_eval.metrics.context import Context
from sfr_eval.stats import known_law
from sfr_eval.suites.simulated_answers import SimulatedAnswers
from sfr_eval.suites.spec import QueryRow
from sfr_eval.suites.suite import Suite, load_suite
from sfr_eval.types import MetricResult, Sample
from tests.metrics.conftest import make_sample, make_suite

ROWS = (
    QueryRow(id="coin", text="Flip.", answers=("Heads", "Tails"), law={"Heads": 0.7, "Tails": 0.3}),
    QueryRow(id="day", text="Name a day.", answers=("Monday", "Friday", "Sunday")),
    QueryRow(id="capital", text="Capital of France?", answers=("Paris",), law="uniform"),
    QueryRow(id="open", text="Tell me a story."),
)


def context_of(samples: Sequence[Sample], suite: Suite | None = None) -> Context:
    """The family reads no embeddings, so there is no encoder."""
    rows = {row.id: row for row in ROWS}
    suite = suite or replace(make_suite([]), rows=rows)
    return Context(samples=samples, suite=suite, encoder=None)  # type: ignore[arg-type]


def measured(replies: dict[str, Sequence[str]]) -> dict[str, MetricResult]:
    samples = [
        make_sample(query, "", index, text)
        for query, texts in replies.items()
        for index, text in enumerate(texts)
    ]
    return {result.metric: result for result in compute(context_of(samples))}


def value(results: dict[str, MetricResult], metric: str, query: str) -> float | str | None:
    (row,) = (row for row in results[metric].values if row.query == query)
    return row.reason if row.value is None else row.value


def test_six_heads_three_tails_and_a_refusal_by_hand() -> None:
    results = measured({"coin": [*["Heads"] * 6, "tails.", "Tails", "TAILS", "I cannot."]})
    assert value(results, "answer_valid", "coin") == 0.9
    assert value(results, "answer_coverage", "coin") == 1
    assert value(results, "answer_yield", "coin") == 2
    fair = 2 - 0.7**10 - 0.3**10
    assert value(results, "answer_coverage_ratio", "coin") == pytest.approx(2 / fair)
    entropy = -(2 / 3 * math.log(2 / 3) + 1 / 3 * math.log(1 / 3))
    by_chance = known_law.expected(known_law.entropy, (0.7, 0.3), 9)
    assert value(results, "answer_entropy_ratio", "coin") == pytest.approx(entropy / by_chance)
    distance = 0.7 - 2 / 3
    assert value(results, "answer_tv", "coin") == pytest.approx(distance)
    by_chance = known_law.expected(known_law.total_variation, (0.7, 0.3), 9)
    assert value(results, "answer_tv_excess", "coin") == pytest.approx(distance - by_chance)
    assert value(results, "answer_law_kept", "coin") == "fewer than 20 valid replies"


def test_what_cannot_be_said_is_undefined_with_its_reason() -> None:
    results = measured({"day": ["Monday"], "capital": ["Paris", "Rome"], "open": ["Once."]})
    assert value(results, "answer_valid", "capital") == 0.5
    assert value(results, "answer_yield", "capital") == 1
    assert value(results, "answer_coverage_ratio", "capital") == "only one answer is right"
    assert value(results, "answer_tv", "capital") == "only one answer is right"
    assert value(results, "answer_tv", "day") == "the question states no law"
    assert value(results, "answer_entropy_ratio", "day") == "fewer than 2 valid replies"
    unknown = "the right answers of this question are not known"
    assert value(results, "answer_valid", "open") == unknown


def test_errors_and_other_suites_have_no_values() -> None:
    lost = make_sample("coin", "", 0, "", status="error")
    results = {result.metric: result for result in compute(context_of([lost]))}
    assert value(results, "answer_valid", "coin") == "no reply with text"
    invalid = measured({"coin": ["no", "maybe"]})
    assert value(invalid, "answer_valid", "coin") == 0
    assert value(invalid, "answer_tv", "coin") == "no valid reply"
    plain = make_suite([])
    assert compute(context_of([make_sample("q", "", 0, "Monday")], plain)) == []


def simulated(suite: Suite, seed: int, *, k: int = 100, **dials: float) -> list[MetricResult]:
    model = SimulatedAnswers(suite.rows, **dials)
    generator = np.random.default_rng(seed)
    samples = [
        make_sample(query, "", index, model.sample(query, generator), suite=suite.id)
        for query in suite.rows
        for index in range(k)
    ]
    return compute(context_of(samples, suite))


def law_notes(results: Sequence[MetricResult]) -> dict[str, Any]:
    notes: dict[str, Any] = dict(results[0].notes)
    return dict(notes["answer_laws"]["1"])


@pytest.fixture(scope="module")
def suite() -> Suite:
    return load_suite("known-answers")


def test_draws_of_the_law_are_as_fair_draws(suite: Suite) -> None:
    results = {result.metric: result for result in simulated(suite, 5)}
    means = {
        metric: float(np.mean([row.value for row in result.values if row.value is not None]))
        for metric, result in results.items()
    }
    assert means["answer_valid"] == 1
    for ratio in ("answer_coverage_ratio", "answer_entropy_ratio"):
        assert means[ratio] == pytest.approx(1, abs=0.03)
    assert means["answer_tv_excess"] == pytest.approx(0, abs=0.02)
    notes = law_notes(list(results.values()))
    assert (notes["prompts"], notes["laws"], notes["tested"]) == (40, 30, 30)
    low, high = notes["tv_band"]
    assert low < means["answer_tv"] < high


def test_always_the_first_answer_is_called_on_every_prompt(suite: Suite) -> None:
    results = simulated(suite, 6, within=1.0)
    notes = law_notes(results)
    assert (notes["departing"], notes["tested"]) == (30, 30)
    by_id = {result.metric: result for result in results}
    assert all(row.value == 0 for row in by_id["answer_entropy_ratio"].values)
    kept = [row.value for row in by_id["answer_law_kept"].values if row.value is not None]
    assert kept == [0.0] * 30


def test_fair_models_are_called_in_at_most_5_of_100_runs() -> None:
    """Three laws, 200 models: a binomial count, which is at most 19 with a chance of .998."""
    rows = (
        ROWS[0],
        ROWS[1].model_copy(update={"law": "uniform"}),
        QueryRow(id="die", text="Roll.", answers=tuple("123456"), law="uniform"),
    )
    suite = replace(make_suite([]), rows={row.id: row for row in rows})
    called = single = 0
    for seed in range(200):
        results = {r.metric: r for r in simulated(suite, seed, k=60)}
        called += law_notes(list(results.values()))["departing"] > 0
        single += sum(row.value == 0 for row in results["answer_law_kept"].values)
    assert called <= 19
    assert single <= LEVEL * 600 + 22


def test_the_suite_has_40_prompts_and_laws_that_sum_to_one(suite: Suite) -> None:
    assert len(suite.rows) == 40
    for row in suite.rows.values():
        law = row.probabilities
        assert law is None or math.fsum(law.values()) == pytest.approx(1)
        assert all(row.naming.answer_of(answer) == answer for answer in row.answers)
        assert row.naming.answer_of(row.text) is None  # a copy of the prompt is no answer
    sizes = {id: len(row.answers) for id, row in suite.rows.items()}
    assert (sizes["uniform-symbol"], sizes["name-state"], sizes["name-prime"]) == (118, 50, 25)
