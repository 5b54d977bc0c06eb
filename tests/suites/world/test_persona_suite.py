"""pytest tests/suites/world/test_persona_suite.py: the persona benchmark itself."""

import math
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.grammar_oracle import entropy


def test_the_suite_has_148_queries_and_ten_personas(real):
    assert len(real.queries) == len({query.text for query in real.queries}) == 148
    assert len(real.personas) == len({card.system for card in real.personas}) == 10
    assert all(query.id == f"{query.topic}.{query.intent}" for query in real.queries)
    assert all(card.system.startswith("You are ") for card in real.personas)


def test_every_pair_can_say_more_than_ten_thousand_things(real):
    for card in real.personas:
        for query in real.queries:
            grammar = real.grammar(card.id, query.id)
            live = [sum(p > 0 for p in slot.probabilities) for slot in grammar.slots]
            assert math.prod(live) > 10_000


def test_example_replies_are_replies_of_their_persona(real):
    for card in real.personas:
        assert len(card.example_replies) == 2
        for reply in card.example_replies:
            at_home = [q for q in real.queries if real.styled(reply, card.id, q.id)]
            assert len(at_home) == 1
            assert real.parse_reply(reply, at_home[0].id).valid


def test_no_training_question_is_a_test_question(real):
    asked = {query.text.casefold() for query in real.queries}
    for query in real.queries:
        questions = real.training_questions(query.id)
        assert len(set(questions)) == len(questions) >= 4
        assert not any("{" in question for question in questions)
        assert asked.isdisjoint(question.casefold() for question in questions)


@settings(max_examples=300, deadline=None)
@given(
    seed=st.integers(0, 2**32 - 1),
    persona=st.integers(0, 9),
    query=st.integers(0, 147),
    cross=st.sampled_from([0.0, 0.2, 0.7, 1.0]),
    within=st.sampled_from([0.0, 0.3, 0.8, 1.0]),
    temperature=st.sampled_from([0.0, 0.5, 1.0, 1.6]),
)
def test_every_reply_reads_back(real, seed, persona, query, cross, within, temperature):
    world = real.dialed(cross, within)
    pair = (world.personas[persona].id, world.queries[query].id)
    rng = np.random.default_rng(seed)
    text = world.sample(*pair, rng, temperature=temperature)
    assert -math.inf < world.log_prob(text, *pair, temperature=temperature) <= 0
    assert len(world.grammar(*pair, temperature=temperature).derivations(text)) == 1
    # One reading among everything that anybody may say about anything.
    assert len(world._source.union.grammar.derivations(text)) == 1
    assert world.parse_reply(text, pair[1]).valid
    posterior = world.posterior(text, pair[1])
    if persona < 9 or cross == 1:
        assert math.fsum(posterior.values()) == pytest.approx(1)


def test_replies_to_other_queries_do_not_parse_as_valid(real):
    rng = np.random.default_rng(2)
    for query in real.queries:
        text = real.sample("monk", query.id, rng)
        for other in real.queries:
            parse = real.parse_reply(text, other.id)
            assert parse.well_formed
            assert parse.topic == (query.topic == other.topic)
            assert parse.intent == (query.intent == other.intent)


def test_a_dropped_letter_is_noticed(real):
    rng = np.random.default_rng(3)
    for query in real.queries:
        text = real.sample("butler", query.id, rng)
        at = int(rng.integers(len(text)))
        assert not real.parse_reply(text[:at] + text[at + 1 :], query.id).well_formed


def test_the_bayes_classifier_is_calibrated(real):
    world, rng = real.dialed(0.6, 0.2), np.random.default_rng(4)
    hits, claims = [], []
    for draw in range(9000):
        persona, query = world.personas[draw % 9].id, world.queries[draw % 148].id
        posterior = world.posterior(world.sample(persona, query, rng), query)
        hits.append(max(posterior, key=posterior.get) == persona)
        claims.append(max(posterior.values()))
    hits, claims = np.array(hits), np.array(claims)
    for low, high in [(0, 0.5), (0.5, 0.8), (0.8, 1.01)]:
        here = (claims >= low) & (claims < high)
        assert here.sum() > 200
        error = math.sqrt((claims[here] * (1 - claims[here])).sum()) / here.sum()
        assert abs(hits[here].mean() - claims[here].mean()) < 4 * error + 1e-3


def test_personas_are_easy_to_tell_apart_until_cross_rises(real):
    shares = []
    for cross in (0.0, 0.5, 1.0):
        world, rng = real.dialed(cross), np.random.default_rng(6)
        styled = 0
        for draw in range(1332):
            persona, query = world.personas[draw % 9].id, world.queries[draw % 148].id
            styled += real.styled(world.sample(persona, query, rng), persona, query)
        shares.append(styled / 1332)
    assert shares[0] > 0.97
    assert shares[0] > shares[1] > shares[2]
    assert shares[2] < 0.15


def test_entropy_falls_with_within(real):
    for persona in ("pirate", "storyteller"):
        for cross in (0.0, 0.5):
            falls = [
                entropy(real.dialed(cross, within).grammar(persona, "sewing.fix"))
                for within in (0, 0.2, 0.4, 0.6, 0.8, 0.95, 1)
            ]
            assert all(a > b for a, b in pairwise(falls))
            assert falls[-1] == 0


def test_full_collapse_leaves_one_text_per_query(real):
    world, rng = real.dialed(1, 1), np.random.default_rng(0)
    for query in world.queries:
        said = {world.sample(card.id, query.id, rng) for card in world.personas for _ in range(3)}
        assert len(said) == 1
        assert set(real.posterior(said.pop(), query.id).values()) == {1 / 9}


def test_sharp_personas_open_alike_and_still_differ(real):
    world, rng = real.dialed(within=1), np.random.default_rng(0)
    said = {world.sample(card.id, "soup.start", rng) for card in world.personas}
    assert len(said) == 10
    generic = real._source.phrases["opening"][0]
    assert all(text.startswith(generic) for text in said)
