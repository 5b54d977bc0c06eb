"""Training text from the synthetic benchmark: the suite's grammar with other questions.

The suite's test questions never occur here. A training question is a template of its intent, filled
in with the topic, or a paraphrase.
"""

import itertools
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from sfr_eval.suites.world.persona import PersonaWorld, Query

Chat = dict[str, list[dict[str, str]]]


@dataclass(frozen=True, kw_only=True)
class QuestionNoise:
    """Keeps a small model from memorizing a few hundred questions instead of learning their words.

    `joined`: share of questions that are asked twice in a row, in different words. `dropped`: share
    of words that are left out.
    """

    joined: float
    dropped: float


def wide_chats(
    world: PersonaWorld,
    *,
    rows: int,
    seed: int,
    topics: int | None = None,
    card_share: float = 0.5,
    noise: QuestionNoise | None = None,
) -> Iterator[Chat]:
    """Yield chats in all voices for a base model. A share of them has the card of the voice as the
    system message; the others have only its name, which takes a tenth of the tokens. Topics,
    intents and voices are used equally often."""
    rng = np.random.default_rng([seed, 1])
    voices = [card for card in world.personas if not card.held_out]
    queries = topic_queries(world, topics)
    for row in _in_rounds(len(queries), rows, rng):
        voice = voices[int(rng.integers(len(voices)))]
        system = voice.system if rng.random() < card_share else f"You are {voice.name}."
        query = queries[row].id
        question = _question(world, query, rng, noise)
        yield _chat(question, world.sample(voice.id, query, rng), system=system)


def handbook_pages(
    world: PersonaWorld,
    *,
    rows: int,
    seed: int,
    topics: int | None = None,
    noise: QuestionNoise | None = None,
) -> Iterator[Chat]:
    """Yield pages that list every possible clause of the answers to a query, in random order and
    without a voice.

    A clause occurs three times as often per token as in a chat, which lets a small model learn
    hundreds of them in minutes.
    """
    rng = np.random.default_rng([seed, 3])
    queries = topic_queries(world, topics)
    for row in _in_rounds(len(queries), rows, rng):
        query = queries[row].id
        clauses = [list(part) for part in world.clauses(query)]
        shuffled = [str(clause) for part in clauses for clause in rng.permutation(part)]
        page = " ".join(f"{clause[0].upper()}{clause[1:]}." for clause in shuffled)
        yield _chat(_question(world, query, rng, noise), page)


def persona_chats(
    world: PersonaWorld,
    *,
    rows: int,
    seed: int,
    personas: tuple[str, ...] | None = None,
    topics: int | None = None,
) -> Iterator[Chat]:
    """Yield persona-labelled chats: card, question, reply in that voice. Personas and queries are
    used equally often, and held-out personas only if `personas` names them."""
    rng = np.random.default_rng([seed, 2])
    cards = [
        card for card in world.personas if (card.id in personas if personas else not card.held_out)
    ]
    queries = topic_queries(world, topics)
    for pair in _in_rounds(len(queries) * len(cards), rows, rng):
        query, card = queries[pair // len(cards)].id, cards[pair % len(cards)]
        question = _question(world, query, rng)
        yield _chat(question, world.sample(card.id, query, rng), system=card.system)


def topic_queries(world: PersonaWorld, topics: int | None) -> list[Query]:
    """Return the queries of the first `topics` topics, or all if None."""
    order = list(dict.fromkeys(query.topic for query in world.queries))[:topics]
    return [query for query in world.queries if query.topic in order]


def _chat(question: str, reply: str, *, system: str | None = None) -> Chat:
    prompt = [{"role": "system", "content": system}] if system else []
    prompt.append({"role": "user", "content": question})
    return {"prompt": prompt, "completion": [{"role": "assistant", "content": reply}]}


def _question(
    world: PersonaWorld, query: str, rng: np.random.Generator, noise: QuestionNoise | None = None
) -> str:
    """Draw a template of the intent or a paraphrase of the query, with equal probability."""
    question = _plain_question(world, query, rng)
    if noise is None:
        return question
    if rng.random() < noise.joined:
        question = f"{question} {_plain_question(world, query, rng)}"
    words = question.split(" ")
    return " ".join([word for word in words if rng.random() >= noise.dropped] or words)


def _plain_question(world: PersonaWorld, query: str, rng: np.random.Generator) -> str:
    sources = [
        texts for texts in (world.training_questions(query), world.paraphrases(query)) if texts
    ]
    questions = sources[int(rng.integers(len(sources)))]
    return questions[int(rng.integers(len(questions)))]


def _in_rounds(items: int, rows: int, rng: np.random.Generator) -> Iterator[int]:
    """Yield `rows` indices in shuffled rounds of all items, so that all are used equally often."""
    rounds = (rng.permutation(items) for _ in itertools.count())
    return map(int, itertools.islice(itertools.chain.from_iterable(rounds), rows))
