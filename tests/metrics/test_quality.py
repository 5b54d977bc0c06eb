"""pytest tests/metrics/test_quality.py"""

from dataclasses import replace

import numpy as np
import pytest

from sfr_eval.embeddings.encoder import Encoder
from sfr_eval.metrics.context import Context
from sfr_eval.metrics.quality import compute
from sfr_eval.suites.suite import load_suite
from tests.metrics.conftest import make_sample


@pytest.fixture
def judged(encoder: Encoder) -> Context:
    """One prompt: a good reply twice, one to another query, and one that nobody says."""
    suite = load_suite("persona")
    assert suite.world is not None
    query, other = next(iter(suite.queries)), list(suite.queries)[-1]
    rng = np.random.default_rng(1)
    texts = (suite.world.sample("pirate", query, rng) for _ in range(100))
    good = next(text for text in texts if suite.world.styled(text, "pirate", query))
    wrong = suite.world.sample("pirate", other, rng)
    replies = [good, good, wrong, "Bananas are blue."]
    samples = [
        make_sample(query, "pirate", index, text, suite=suite.id)
        for index, text in enumerate(replies)
    ]
    return Context(samples=samples, suite=suite, encoder=encoder, speaks_world=True)


def test_parses_of_one_prompt(judged: Context) -> None:
    found = {result.metric: [v.value for v in result.values] for result in compute(judged)}
    assert found["oracle_well_formed"] == [1, 1, 1, 0]
    assert found["oracle_topic"] == [1, 1, 0, 0]
    assert found["oracle_valid"] == [1, 1, 0, 0]
    assert found["oracle_styled"] == [1, 1, 0, 0]
    assert found["distinct_valid"] == [1]  # the same good reply twice


def test_a_reply_in_another_voice_is_valid_but_not_styled(judged: Context) -> None:
    sergeant = replace(judged.samples[0], persona="sergeant")
    found = {r.metric: r.values[0].value for r in compute(replace(judged, samples=[sergeant]))}
    assert (found["oracle_valid"], found["oracle_styled"]) == (1, 0)


def test_models_without_the_grammar_have_no_oracle(judged: Context) -> None:
    assert compute(replace(judged, speaks_world=False)) == []


def test_a_prompt_with_only_errors_is_undefined(judged: Context) -> None:
    rows = [replace(sample, status="error", text="") for sample in judged.samples]
    results = {result.metric: result.values for result in compute(replace(judged, samples=rows))}
    assert results["oracle_valid"] == []
    assert results["distinct_valid"][0].value is None
