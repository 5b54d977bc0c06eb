"""pytest tests/suites/world/test_persona.py: a small benchmark, by enumeration."""

import math
from collections import Counter
from itertools import pairwise

import numpy as np
import pytest
from scipy.stats import chisquare

from sfr_eval.errors import UserError
from sfr_eval.suites.world.persona import Parse
from tests.suites.world.conftest import load, small_files
from tests.support.grammar_oracle import derived_texts


def seen(world):
    return [card for card in world.personas if not card.held_out]


def table(world, query_id):
    """Brute-force joint: text -> p(text | persona) for each persona that is not held out."""
    joint = {}
    for place, card in enumerate(seen(world)):
        for text, p in derived_texts(world.grammar(card.id, query_id)):
            joint.setdefault(text, [0.0] * len(seen(world)))[place] += p
    return joint


def information(world, query_id):
    """Exact mutual information of persona (uniform) and reply, nats."""
    total = 0.0
    for row in table(world, query_id).values():
        mean = sum(row) / len(row)
        total += sum(p * math.log(p / mean) for p in row if p > 0) / len(row)
    return total


def test_a_reply_is_scored_by_hand(small):
    text = "Good question! ann wants fix the tea. Note that to fix tea is hard. Bye from ann."
    second = 2**-0.7 / (1 + 2**-0.7)  # weight of the second of two by Zipf
    p = (0.9 * 0.4) * (0.7 * (1 - second)) * (1 - second) * 0.3 * second * (0.8 * 0.5)
    assert small.log_prob(text, "ann", "tea.fix") == pytest.approx(math.log(p))
    assert small.log_prob(text, "bob", "tea.fix") == -math.inf
    assert small.log_prob(text, "ann", "tea.start") == -math.inf


def test_held_out_personas_come_last(small, real):
    assert [card.id for card in small.personas] == ["ann", "bob", "cat", "zed"]
    assert [card.held_out for card in real.personas] == [False] * 9 + [True]
    assert [query.id for query in small.queries] == [
        "tea.start",
        "tea.fix",
        "chess.start",
        "chess.fix",
    ]


@pytest.mark.parametrize(("cross", "within"), [(0, 0), (0.4, 0), (0, 0.6), (0.7, 0.5), (1, 0)])
def test_log_probabilities_sum_to_one_and_match_the_samples(small, cross, within):
    world, pair = small.dialed(cross, within), ("bob", "chess.start")
    texts = [text for text, _ in derived_texts(world.grammar(*pair))]
    chances = np.exp([world.log_prob(text, *pair) for text in texts])
    assert len(set(texts)) == len(texts)
    assert chances.sum() == pytest.approx(1)
    rng = np.random.default_rng(5)
    drawn = Counter(world.sample(*pair, rng) for _ in range(20_000))
    assert set(drawn) <= set(texts)
    common = 20_000 * chances >= 5
    counts = np.array([drawn[text] for text in texts])
    observed = [*counts[common], counts[~common].sum()]
    expected = [*(20_000 * chances[common]), 20_000 * chances[~common].sum()]
    live = [i for i, e in enumerate(expected) if e > 0]
    fit = chisquare([observed[i] for i in live], np.array([expected[i] for i in live]))
    assert fit.pvalue > 1e-4


@pytest.mark.parametrize(("cross", "within"), [(0, 0), (0.3, 0), (0.5, 0.5), (1, 0), (0.2, 1)])
def test_the_posterior_is_bayes_rule(small, cross, within):
    world = small.dialed(cross, within)
    for query in world.queries:
        for text, row in table(world, query.id).items():
            posterior = world.posterior(text, query.id)
            assert posterior is not None
            assert list(posterior) == ["ann", "bob", "cat"]
            assert list(posterior.values()) == pytest.approx([p / sum(row) for p in row])


def test_no_classifier_beats_the_posterior(small):
    world = small.dialed(0.5)
    joint, ids = table(world, "tea.fix"), [card.id for card in seen(world)]
    best = sum(max(row) for row in joint.values()) / len(ids)
    rng = np.random.default_rng(1)
    hits = 0
    for draw in range(6000):
        persona = ids[draw % len(ids)]
        posterior = world.posterior(world.sample(persona, "tea.fix", rng), "tea.fix")
        hits += max(posterior, key=posterior.get) == persona
    error = math.sqrt(best * (1 - best) / 6000)
    assert abs(hits / 6000 - best) < 4 * error
    assert 1 / 3 + 0.1 < best < 0.95  # the case is neither trivial nor hopeless


def test_information_falls_with_cross_to_nothing(small):
    falls = [information(small.dialed(cross), "tea.start") for cross in np.linspace(0, 1, 6)]
    assert all(a > b + 1e-4 for a, b in pairwise(falls))
    assert falls[0] > 0.8 * math.log(3)
    assert falls[-1] == pytest.approx(0, abs=1e-12)


def test_a_held_out_persona_takes_no_part_in_the_mean(small):
    zed = [t for t, _ in derived_texts(small.dialed(0.5).grammar("ann", "tea.fix")) if "zed" in t]
    assert zed == []
    one, two = (small.dialed(1).grammar(persona, "tea.fix") for persona in ("zed", "ann"))
    assert dict(derived_texts(one)) == dict(derived_texts(two))


def test_dials_start_from_the_reference_distribution(small):
    again = small.dialed(0.9, 0.9).dialed(0.2)
    assert (again.cross, again.within, again.version) == (0.2, 0.0, small.version)
    pair = ("cat", "tea.fix")
    assert dict(derived_texts(again.grammar(*pair))) == dict(
        derived_texts(small.dialed(0.2).grammar(*pair))
    )


def test_within_and_temperature_are_one_exponent(small):
    pair = ("cat", "tea.fix")
    a = dict(derived_texts(small.dialed(0.3, 0.5).grammar(*pair)))
    b = dict(derived_texts(small.dialed(0.3).grammar(*pair, temperature=0.5)))
    c = dict(derived_texts(small.dialed(0.3, 0.5).grammar(*pair, temperature=2.0)))
    assert a == pytest.approx(b)
    assert c == pytest.approx(dict(derived_texts(small.dialed(0.3).grammar(*pair))))


def test_parse_tells_topic_from_intent_and_form(small):
    def judged(text):
        parse = small.parse_reply(text, "tea.fix")
        assert parse.valid == (parse == Parse(True, True, True))
        return parse.well_formed, parse.topic, parse.intent

    right = "ann likes fine tea. You should fix the tea. bob knows tea is nice to fix. Good luck!"
    assert judged(right) == (True, True, True)
    assert judged(right.replace("ann likes fine tea", "ann likes fine chess")) == (
        True,
        False,
        True,
    )
    assert judged("You should fix the chess. Note that to fix chess is hard.") == (
        True,
        False,
        True,
    )
    assert judged("You should start the tea. Note that to start tea is hard.") == (
        True,
        True,
        False,
    )
    assert judged("You should start the chess. Note that to start chess is hard.") == (
        True,
        False,
        False,
    )
    # One clause of two astray is astray.
    assert judged("You should fix the tea. Note that to fix chess is hard.") == (True, False, True)
    assert judged("You should fix the tea. Note that to start tea is hard.") == (True, True, False)
    # The held-out persona's phrases belong to the world as well.
    assert judged("zed wants fix the tea. zed knows tea is nice to fix.") == (True, True, True)


def test_parse_searches_broken_texts_for_clauses(small):
    def judged(text):
        parse = small.parse_reply(text, "tea.fix")
        return parse.well_formed, parse.topic, parse.intent

    assert judged("You should fix the tea slowly. Note that to fix") == (False, True, True)
    assert judged("Well, fix the tea! And start the tea!") == (False, True, False)
    assert judged("Well, fix the tea! And fix the chess!") == (False, False, True)
    assert judged("You should  fix the tea. Note that to fix tea is hard.") == (False, True, True)
    assert judged("You should fix the tea. ") == (False, True, True)
    assert judged("I do not know what you mean.") == (False, False, False)
    assert judged("") == (False, False, False)


def test_the_longest_clause_counts_when_one_holds_another(tmp_path):
    files = small_files()
    files["topics.yaml"]["topics"][1]["fix"]["actions"].append("fix the tea table for chess")
    world = load(tmp_path, files)
    text = "Well, fix the tea table for chess"
    assert world.parse_reply(text, "chess.fix") == Parse(False, True, True)
    assert world.parse_reply(text, "tea.fix") == Parse(False, False, True)


def test_an_ambiguous_text_is_weighed_by_bayes_rule(tmp_path):
    files = small_files()
    files["personas.yaml"]["generic"]["advice"] = ["Well, {action}."]
    files["personas.yaml"]["personas"][1]["advice"] = ["Well, now {action}."]
    files["topics.yaml"]["topics"][0]["fix"]["actions"] = ["rest", "now rest"]
    world = load(tmp_path, files)
    text = "Well, now rest. Note that to fix tea is hard."
    # All: generic + "now rest", the less likely action. ann also: own + "rest", the likelier one.
    second = 2**-0.7 / (1 + 2**-0.7)
    ann, other = 0.3 * second + 0.7 * (1 - second), 0.3 * second
    shares = [p / (ann + 2 * other) for p in (ann, other, other)]
    assert list(world.posterior(text, "tea.fix").values()) == pytest.approx(shares)
    assert world.parse_reply(text, "tea.fix").valid


def test_a_reply_that_opens_on_another_topic_has_no_persona(small):
    text = "ann likes fine tea. You should fix the tea. Note that to fix tea is hard."
    assert small.posterior(text, "tea.fix")["ann"] == 1
    assert small.posterior(text.replace("fine tea", "fine chess"), "tea.fix") is None


def test_an_all_generic_reply_shows_no_style(small):
    text = "Good question! You should fix the tea. Note that to fix tea is hard. Good luck!"
    assert list(small.posterior(text, "tea.fix").values()) == pytest.approx([1 / 3] * 3)
    assert not any(small.styled(text, card.id, "tea.fix") for card in small.personas)


def test_style_shows_in_one_phrase(small):
    text = "You should fix the tea. cat knows to fix tea is hard."
    styled = [small.styled(text, card.id, "tea.fix") for card in small.personas]
    assert styled == [False, False, True, False]
    assert small.posterior(text, "tea.fix")["cat"] == 1
    assert small.posterior(text, "tea.start") is None
    assert small.posterior("You should fix the tea.", "tea.fix") is None
    assert not small.styled("You should fix the tea.", "cat", "tea.fix")


def test_a_held_out_persona_can_be_styled(small):
    text = "You should fix the tea. zed knows to fix tea is hard."
    assert small.posterior(text, "tea.fix") is None
    assert small.styled(text, "zed", "tea.fix")
    assert not small.styled(text, "ann", "tea.fix")


def test_training_questions_are_filled_in(small):
    assert small.training_questions("chess.fix") == ("fix fine chess now?", "doing chess?")


def test_unknown_names_and_dials_off_the_scale_are_refused(small):
    rng = np.random.default_rng(0)
    for call, message in [
        (lambda: small.sample("anne", "tea.fix", rng), "`ann`"),
        (lambda: small.log_prob("x", "ann", "tea.fixx"), "`tea.fix`"),
        (lambda: small.parse_reply("x", "coffee.fix"), "coffee.fix"),
        (lambda: small.styled("x", "dan", "tea.fix"), "dan"),
        (lambda: small.sample("ann", "tea.fix", rng, temperature=-1), "temperature"),
        (lambda: small.sample("ann", "tea.fix", rng, temperature=math.nan), "temperature"),
        (lambda: small.dialed(cross=1.1), "cross"),
        (lambda: small.dialed(within=math.nan), "within"),
    ]:
        with pytest.raises(UserError, match=message):
            call()
