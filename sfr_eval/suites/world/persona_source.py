"""The content of the persona benchmark's files, read and checked; the dials do not change it."""

import math
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property

from sfr_eval.errors import UserError, did_you_mean
from sfr_eval.suites.world.grammar import PhraseIndex, Slot, SlotGrammar

# The parts that carry style, with the hole that their phrases must have (opening: may have).
HOLES = {"opening": "topic", "advice": "action", "reason": "detail", "closing": ""}


@dataclass(frozen=True)
class PersonaCard:
    """A persona: the system message that describes it, and two replies that show its voice."""

    id: str
    name: str
    system: str
    voice: str
    held_out: bool
    example_replies: tuple[str, ...]


@dataclass(frozen=True)
class Query:
    """One test question. `id` is topic.intent; `topic` and `intent` are ids too."""

    id: str
    topic: str
    intent: str
    text: str


@dataclass(frozen=True)
class UnionGrammar:
    """A grammar of everything that any persona may say about anything, and who owns what."""

    grammar: SlotGrammar
    openings: tuple[tuple[int, str | None], ...]  # entry -> phrase number, topic id of its noun
    actions: tuple[tuple[int, tuple[str, str]], ...]  # entry -> number in its query, topic+intent
    details: tuple[tuple[int, tuple[str, str]], ...]
    clauses: PhraseIndex  # actions, then details

    def clauses_in(self, text: str) -> list[tuple[str, str]]:
        """Return (topic, intent) of the clauses in `text`: from the left, longest first, no
        overlaps."""
        owners = self.actions + self.details
        clause_owners, position = [], 0
        while position < len(text):
            here = self.clauses.at(text, position)
            if here:
                number, position = max(here, key=lambda hit: hit[1])
                clause_owners.append(owners[number][1])
            else:
                position += 1
        return clause_owners


@dataclass(frozen=True)
class PersonaSource:
    """Queries, personas and the probability of each phrase and clause."""

    version: str
    queries: tuple[Query, ...]
    personas: tuple[PersonaCard, ...]  # held-out ones last
    seen: int  # number of personas that are not held out
    topics: dict[str, tuple[str, str]]  # topic id -> noun phrase, gerund
    templates: dict[str, tuple[str, ...]]  # intent -> training questions
    paraphrases: dict[str, tuple[str, ...]]  # query id -> training questions
    clauses: tuple[dict[str, Slot], dict[str, Slot]]  # query id -> actions; query id -> details
    phrases: dict[str, tuple[str, ...]]  # part -> all, of the generic bank and every persona
    rows: dict[str, tuple[tuple[float, ...], ...]]  # part -> persona -> probability of each phrase

    @cached_property
    def by_id(self) -> dict[str, Query]:
        """Queries by their id."""
        return {query.id: query for query in self.queries}

    @cached_property
    def places(self) -> dict[str, int]:
        """Row number of each persona."""
        return {card.id: place for place, card in enumerate(self.personas)}

    def place(self, persona_id: str) -> int:
        """Return the row number of a persona. Raises UserError if the id is unknown."""
        if persona_id not in self.places:
            near = did_you_mean(persona_id, self.places)
            raise UserError(f"world: unknown persona `{persona_id}`; {near}")
        return self.places[persona_id]

    @cached_property
    def means(self) -> dict[str, tuple[float, ...]]:
        """Mean row of the personas that are not held out: the single voice that `cross` mixes
        in."""
        return {
            part: tuple(
                math.fsum(column) / self.seen for column in zip(*rows[: self.seen], strict=True)
            )
            for part, rows in self.rows.items()
        }

    @cached_property
    def union(self) -> UnionGrammar:
        """The grammar of everything that can be said."""
        nouns = [(topic, noun) for topic, (noun, _) in self.topics.items()]
        openings = [
            (phrase.replace("{topic}", noun), (number, topic))
            for number, phrase in enumerate(self.phrases["opening"])
            for topic, noun in (nouns if "{topic}" in phrase else [(None, "")])
        ]
        action_slot, actions = self._all_clauses(self.clauses[0])
        detail_slot, details = self._all_clauses(self.clauses[1])
        slots = (
            _uniform("opening", [text for text, _ in openings]),
            _uniform("advice", self.phrases["advice"]),
            action_slot,
            _uniform("reason", self.phrases["reason"]),
            detail_slot,
            _uniform("closing", self.phrases["closing"]),
        )
        return UnionGrammar(
            grammar=SlotGrammar(slots),
            openings=tuple(owner for _, owner in openings),
            actions=actions,
            details=details,
            clauses=PhraseIndex(enumerate(action_slot.entries + detail_slot.entries)),
        )

    def _all_clauses(
        self, by_query: dict[str, Slot]
    ) -> tuple[Slot, tuple[tuple[int, tuple[str, str]], ...]]:
        rows = [
            (clause, (number, (query.topic, query.intent)))
            for query in self.queries
            for number, clause in enumerate(by_query[query.id].entries)
        ]
        name = next(iter(by_query.values())).name
        return _uniform(name, [clause for clause, _ in rows]), tuple(owner for _, owner in rows)


def _uniform(name: str, entries: Iterable[str]) -> Slot:
    texts = tuple(entries)
    return Slot(name, texts, (1 / len(texts),) * len(texts))
