"""Training text of the demo models: its topics, its persona cards, and its questions."""

from collections import Counter
from itertools import islice
from typing import Any

import pytest
from sfr_train.data.world_text import QuestionNoise, persona_chats, topic_queries, wide_chats

from sfr_eval.suites.world.persona import PersonaWorld
from sfr_eval.util.assets import find_suite


@pytest.fixture(scope="module")
def world() -> PersonaWorld:
    return PersonaWorld.load(find_suite("persona"))


def questions(chats: list[Any]) -> list[str]:
    return [chat["prompt"][-1]["content"] for chat in chats]


def test_topics_are_the_first_ones_of_the_suite(world: PersonaWorld) -> None:
    assert [query.id for query in topic_queries(world, 2)] == [q.id for q in world.queries[:8]]
    assert len(topic_queries(world, None)) == 148


def test_no_test_question_is_ever_asked(world: PersonaWorld) -> None:
    test_questions = {query.text for query in world.queries}
    noise = QuestionNoise(joined=0.5, dropped=0.1)
    rows = list(wide_chats(world, rows=2000, seed=0, noise=noise))
    rows += persona_chats(world, rows=2000, seed=0)
    assert not test_questions & set(questions(rows))


def test_chats_have_a_card_or_its_name_in_the_given_shares(
    world: PersonaWorld,
) -> None:
    cards = {card.system for card in world.personas}
    names = {f"You are {card.name}." for card in world.personas}
    rows = list(wide_chats(world, rows=2000, seed=0, card_share=0.2))
    systems = Counter(row["prompt"][0]["content"] in cards for row in rows)
    assert 320 <= systems[True] <= 480  # 400 expected, standard deviation 18
    assert {row["prompt"][0]["content"] for row in rows} <= cards | names


def test_a_reply_belongs_to_its_persona_and_query(world: PersonaWorld) -> None:
    by_system = {card.system: card.id for card in world.personas}
    by_system |= {f"You are {card.name}.": card.id for card in world.personas}
    for row in islice(wide_chats(world, rows=50, seed=3, topics=1), 50):
        reply, persona = row["completion"][0]["content"], by_system[row["prompt"][0]["content"]]
        log_probs = [world.log_prob(reply, persona, q.id) for q in topic_queries(world, 1)]
        assert max(log_probs) > float("-inf")


def test_noise_drops_words_and_repeats_questions_at_its_rates(world: PersonaWorld) -> None:
    rows = {"rows": 3000, "seed": 0, "topics": 4}
    plain = questions(list(wide_chats(world, **rows, noise=QuestionNoise(joined=0, dropped=0))))
    assert plain == questions(
        list(wide_chats(world, **rows, noise=QuestionNoise(joined=0, dropped=0)))
    )
    single = {
        text
        for query in topic_queries(world, 4)
        for text in (*world.paraphrases(query.id), *world.training_questions(query.id))
    }
    assert set(plain) <= single
    joined = questions(list(wide_chats(world, **rows, noise=QuestionNoise(joined=0.3, dropped=0))))
    twice = sum(text not in single for text in joined) / len(joined)
    assert 0.27 <= twice <= 0.33  # standard deviation .008
    dropped = questions(list(wide_chats(world, **rows, noise=QuestionNoise(joined=0, dropped=0.1))))
    words = sum(len(text.split()) for text in dropped) / sum(len(text.split()) for text in plain)
    assert 0.87 <= words <= 0.93


def test_noise_never_leaves_a_question_empty(world: PersonaWorld) -> None:
    rows = wide_chats(
        world, rows=300, seed=0, topics=1, noise=QuestionNoise(joined=0, dropped=0.99)
    )
    assert all(text.strip() for text in questions(list(rows)))
