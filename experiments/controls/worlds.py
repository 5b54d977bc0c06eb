"""A replicate: three topics of the suite as a world of its own, with a dial for generic phrases."""

from dataclasses import replace
from functools import cache

import numpy as np

from sfr_eval.suites.world.persona import PersonaWorld
from sfr_eval.suites.world.persona_files import read_persona_files
from sfr_eval.suites.world.persona_source import PersonaCard, PersonaSource
from sfr_eval.util.assets import find_suite

TOPICS_EACH = 3
REPLICATES = 12
TUNING = 12  # the number of the world on which strengths are chosen
_ORDER_SEED = 19


@cache
def suite_source() -> PersonaSource:
    """The persona suite's content."""
    return read_persona_files(find_suite("persona"))


def triple(number: int) -> tuple[str, ...]:
    """Topic ids of world 0 to 11, which share none; those of the tuning world are the 37th topic
    and the last ones of worlds 10 and 11, because the suite has no 39."""
    topics = list(dict.fromkeys(query.topic for query in suite_source().queries))
    order = [topics[i] for i in np.random.default_rng(_ORDER_SEED).permutation(len(topics))]
    if number == TUNING:
        return (order[TOPICS_EACH * REPLICATES], triple(10)[-1], triple(11)[-1])
    if not 0 <= number < REPLICATES:
        raise ValueError(f"there is no world {number}")
    return tuple(order[TOPICS_EACH * number : TOPICS_EACH * (number + 1)])


def world_of(number: int, generic_share: float | None) -> PersonaWorld:
    """The world of a replicate. generic_share: how often each persona uses the phrases that all
    have in common, in every part of a reply; None for the suite's own shares."""
    source, topics = suite_source(), triple(number)
    queries = tuple(query for query in source.queries if query.topic in topics)
    rows = source.rows
    if generic_share is not None:
        rows = {
            part: tuple(
                with_generic_share(row, generic=_generic(source, part), share=generic_share)
                for row in part_rows
            )
            for part, part_rows in rows.items()
        }
    return PersonaWorld(replace(source, queries=queries, rows=rows))


def left_out(number: int, world: PersonaWorld) -> str:
    """The persona that no chat of the fine-tuning shows: each of the nine in turn."""
    seen = seen_personas(world)
    return seen[number % len(seen)].id


def seen_personas(world: PersonaWorld) -> list[PersonaCard]:
    """The nine personas without the unseen tenth."""
    return [card for card in world.personas if not card.held_out]


def unseen(world: PersonaWorld) -> str:
    """The tenth persona, of which no model reads a word."""
    return next(card.id for card in world.personas if card.held_out)


def with_generic_share(
    row: tuple[float, ...], *, generic: tuple[bool | None, ...], share: float
) -> tuple[float, ...]:
    """Return a persona's row of phrase probabilities with another share for the generic phrases.
    generic: whether a phrase is one, None for the empty phrase, whose probability stays."""
    common = sum(p for p, shared in zip(row, generic, strict=True) if shared)
    empty = sum(p for p, shared in zip(row, generic, strict=True) if shared is None)
    own = 1 - common - empty
    factors = {True: share * (1 - empty) / common, False: (1 - share) * (1 - empty) / own}
    return tuple(
        p if shared is None else p * factors[shared] for p, shared in zip(row, generic, strict=True)
    )


def _generic(source: PersonaSource, part: str) -> tuple[bool | None, ...]:
    """For each phrase of a part whether all personas use it; None for the empty phrase."""
    columns = zip(*source.rows[part], strict=True)
    everyone = [all(p > 0 for p in column) for column in columns]
    return tuple(
        None if phrase == "" else shared
        for phrase, shared in zip(source.phrases[part], everyone, strict=True)
    )
