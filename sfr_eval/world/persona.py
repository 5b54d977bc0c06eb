"""The persona world: nine voices, 148 questions, and the exact probability of every reply.

reply = [opening] advice-frame(action) reason-frame(detail) [closing]

A persona draws opening, frames and closing from its own phrases or, with a fixed share, from a
generic bank that all personas have in common; action and detail come from the question. The parts
are independent given (persona, question), so `SlotGrammar` gives p(reply | persona, question).

Two dials turn the truth into a collapsed model, in this order:

1. cross, 0 to 1: each part becomes (1 - cross) * own + cross * mean of the nine personas. What a
   reply tells about its persona can only fall, because this passes each part through a channel
   that does not know the persona (data processing inequality); at 1 nothing is left.
2. within, 0 to 1, and the sampling temperature T: p^beta, normalised, with
   beta = 1 / ((1 - within) * T), and only the mode at within = 1 or T = 0. Entropy falls with beta.

Mixing goes first since training changes what a model believes and sharpening acts on that. The
other way round, full collapse (1, 1) would still hold nine texts a question, one persona's mode
each. With mixing first it holds one. The price: persona information is monotone in `cross` at
within = 0 only.
"""

import hashlib
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import BaseModel, ConfigDict, Field

from sfr_eval.config import read_model, read_yaml_mapping
from sfr_eval.errors import UserError, did_you_mean
from sfr_eval.world.grammar import PhraseIndex, Slot, SlotGrammar, log_sum, sharpen

if TYPE_CHECKING:
    import numpy as np

# The parts that carry style, with the hole that their phrases must have (opening: may have).
HOLES = {"opening": "topic", "advice": "action", "reason": "detail", "closing": ""}
_FRAMES = ("advice", "reason")


@dataclass(frozen=True)
class PersonaCard:
    """What a model is told about a persona, and two replies that show the voice."""

    id: str
    name: str
    system: str
    voice: str
    held_out: bool
    example_replies: tuple[str, ...]


@dataclass(frozen=True)
class Query:
    """One test question. `id` is topic.intent; `topic` and `intent` are ids as well."""

    id: str
    topic: str
    intent: str
    text: str


@dataclass(frozen=True)
class Verdict:
    """Is a text a reply of this world at all, on the topic, and to what was asked about it?"""

    well_formed: bool
    topic: bool
    intent: bool

    @property
    def valid(self) -> bool:
        """All three."""
        return self.well_formed and self.topic and self.intent


class PersonaWorld:
    """The world at one setting of the two dials. Build it with `load`, turn it with `dialed`."""

    def __init__(self, source: "_Source", *, cross: float = 0.0, within: float = 0.0) -> None:
        for name, value in (("cross", cross), ("within", within)):
            if not 0 <= value <= 1:
                raise UserError(f"world: {name} must be between 0 and 1 (got {value:g})")
        self.cross, self.within = cross, within
        self.queries, self.personas = source.queries, source.personas
        self.version = source.version
        self._source = source
        self._grammars: dict[tuple[str, str, float], SlotGrammar] = {}
        self._slots: dict[tuple[str, str, str, float], Slot] = {}
        self._own_logs: dict[str, tuple[tuple[float, ...], ...]] = {}

    @classmethod
    def load(cls, folder: Path) -> "PersonaWorld":
        """Read topics.yaml and personas.yaml; UserError names the file and field at fault."""
        return cls(_read(folder))

    def dialed(self, cross: float = 0.0, within: float = 0.0) -> "PersonaWorld":
        """The same world at these dials, counted from the truth (not on top of present dials)."""
        return PersonaWorld(self._source, cross=cross, within=within)

    def sample(
        self,
        persona_id: str,
        query_id: str,
        rng: "np.random.Generator",
        *,
        temperature: float = 1.0,
    ) -> str:
        """Draw one reply."""
        return self.grammar(persona_id, query_id, temperature=temperature).sample(rng)

    def log_prob(
        self, text: str, persona_id: str, query_id: str, *, temperature: float = 1.0
    ) -> float:
        """Natural log of p(text | persona, query); -inf for anything this pair never says."""
        return self.grammar(persona_id, query_id, temperature=temperature).log_prob(text)

    def grammar(self, persona_id: str, query_id: str, *, temperature: float = 1.0) -> SlotGrammar:
        """Distribution of replies of one persona to one query. Cached."""
        key = (persona_id, query_id, temperature)
        known = self._grammars.get(key)
        if known is not None:
            return known
        if not temperature >= 0:
            raise UserError(f"world: temperature must be 0 or more (got {temperature:g})")
        query, source, beta = self._query(query_id), self._source, self._beta(temperature)
        parts = {name: self._slot(name, persona_id, query.topic, beta) for name in HOLES}
        action, detail = (slots[query_id].sharpened(beta) for slots in source.clauses)
        grammar = SlotGrammar(
            (parts["opening"], parts["advice"], action, parts["reason"], detail, parts["closing"])
        )
        self._grammars[key] = grammar
        return grammar

    def clauses(self, query_id: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """All actions and all details that answer a query, the most probable first."""
        actions, details = (slots[self._query(query_id).id] for slots in self._source.clauses)
        return actions.entries, details.entries

    def posterior(self, text: str, query_id: str) -> dict[str, float] | None:
        """Bayes-optimal persona classifier: p(persona | text, query), uniform prior on the nine.

        For texts drawn from this world at its present dials. Order as in `personas`, without the
        held-out one. None when none of the nine says `text` to this query.
        """
        logs = self._log_likelihoods(text, query_id)[: self._source.seen]
        top = max(logs)
        if top == -math.inf:
            return None
        weights = [math.exp(log - top) for log in logs]
        total = math.fsum(weights)
        return {card.id: w / total for card, w in zip(self.personas, weights, strict=False)}

    def styled(self, text: str, persona_id: str, query_id: str) -> bool:
        """Is `text` more probable under this persona than under every other of the nine?

        A tie is no: an all-generic reply fits every persona and shows nobody's style. A held-out
        persona is compared with the nine.
        """
        logs = self._log_likelihoods(text, query_id)
        own = logs[self._source.place(persona_id)]
        rivals = zip(self.personas[: self._source.seen], logs, strict=False)
        best = max(log for card, log in rivals if card.id != persona_id)
        # Tied personas add up the same numbers, up to the last bits.
        return own > -math.inf and own > best + 1e-9

    def judge(self, text: str, query_id: str) -> Verdict:
        """Exact verdict on any text, whoever wrote it; the dials play no part.

        well_formed: derivable with any phrases and clauses of this world, freely mixed.
        topic, intent: all clauses (and the noun in the opening) belong to the query's topic and
        intent. In a text that is not well formed the clauses are searched for; finding none is no.
        """
        query, union = self._query(query_id), self._source.union
        readings = union.grammar.derivations(text)
        if not readings:
            found = union.clauses_in(text)
            return Verdict(
                well_formed=False,
                topic=bool(found) and all(topic == query.topic for topic, _ in found),
                intent=bool(found) and all(intent == query.intent for _, intent in found),
            )
        topic = intent = False
        for opening, _, action, _, detail, _ in readings:
            noun = union.openings[opening][1]
            owners = (union.actions[action][1], union.details[detail][1])
            on_topic = noun in (None, query.topic) and all(o[0] == query.topic for o in owners)
            topic = topic or on_topic
            intent = intent or all(o[1] == query.intent for o in owners)
        return Verdict(well_formed=True, topic=topic, intent=intent)

    def paraphrases(self, query_id: str) -> tuple[str, ...]:
        """The test question in other words, for training; empty in worlds that have none."""
        return self._source.paraphrases[self._query(query_id).id]

    def training_questions(self, query_id: str) -> tuple[str, ...]:
        """Templates of the intent filled in with the topic, none of them a test question."""
        query = self._query(query_id)
        noun, gerund = self._source.topics[query.topic]
        return tuple(
            template.format(topic=noun, gerund=gerund)
            for template in self._source.templates[query.intent]
        )

    def _query(self, query_id: str) -> Query:
        query = self._source.by_id.get(query_id)
        if query is None:
            raise UserError(
                f"world: unknown query `{query_id}`; {did_you_mean(query_id, self._source.by_id)}"
            )
        return query

    def _beta(self, temperature: float) -> float:
        width = (1 - self.within) * temperature
        return 1 / width if width > 0 else math.inf

    def _row(self, part: str, persona_id: str, beta: float) -> tuple[float, ...]:
        """Both dials: probabilities of all phrases of a part, in the order of `phrases`."""
        own, mean = (
            self._source.rows[part][self._source.place(persona_id)],
            self._source.means[part],
        )
        mixed = [(1 - self.cross) * p + self.cross * q for p, q in zip(own, mean, strict=True)]
        return sharpen(mixed, beta)

    def _slot(self, part: str, persona_id: str, topic: str, beta: float) -> Slot:
        """A part with its {topic} filled in, and only the phrases that can be drawn."""
        key = (part, persona_id, topic if part == "opening" else "", beta)
        if key not in self._slots:
            row = self._row(part, persona_id, beta)
            live = [(t, p) for t, p in zip(self._source.phrases[part], row, strict=True) if p > 0]
            noun = self._source.topics[topic][0]
            entries = tuple(phrase.replace("{topic}", noun) for phrase, _ in live)
            self._slots[key] = Slot(part, entries, tuple(p for _, p in live))
        return self._slots[key]

    def _log_likelihoods(self, text: str, query_id: str) -> list[float]:
        """log p(text | persona, query) of all personas from one parse with the union grammar."""
        query, union = self._query(query_id), self._source.union
        asked = (query.topic, query.intent)
        if not self._own_logs:
            beta = self._beta(1.0)
            for part in HOLES:
                rows = (self._row(part, card.id, beta) for card in self.personas)
                self._own_logs[part] = tuple(
                    tuple(math.log(p) if p > 0 else -math.inf for p in column)
                    for column in zip(*rows, strict=True)
                )
        parts = self._own_logs
        totals = [-math.inf] * len(self.personas)
        for opening, advice, action, reason, detail, closing in union.grammar.derivations(text):
            phrase, noun = union.openings[opening]
            (a, action_owner), (d, detail_owner) = union.actions[action], union.details[detail]
            if noun not in (None, query.topic) or not action_owner == detail_owner == asked:
                continue
            # The clauses cancel in the posterior unless a text has two readings.
            actions, details = self._clause_logs(query_id)
            clauses = actions[a] + details[d]
            terms = zip(
                parts["opening"][phrase],
                parts["advice"][advice],
                parts["reason"][reason],
                parts["closing"][closing],
                strict=True,
            )
            for i, logs in enumerate(terms):
                log = clauses + sum(logs)
                if log > -math.inf:
                    totals[i] = log if totals[i] == -math.inf else log_sum(totals[i], log)
        return totals

    def _clause_logs(self, query_id: str) -> tuple[tuple[float, ...], tuple[float, ...]]:
        any_persona = self.personas[0].id  # action and detail are the same for all
        slots = self.grammar(any_persona, query_id).slots
        return slots[2].logs, slots[4].logs


@dataclass(frozen=True)
class _Union:
    """One grammar of everything that any persona may say about anything, and who owns what."""

    grammar: SlotGrammar
    openings: tuple[tuple[int, str | None], ...]  # entry -> phrase number, topic id of its noun
    actions: tuple[tuple[int, tuple[str, str]], ...]  # entry -> number in its query, topic+intent
    details: tuple[tuple[int, tuple[str, str]], ...]
    clauses: PhraseIndex  # actions, then details

    def clauses_in(self, text: str) -> list[tuple[str, str]]:
        """(topic, intent) of the clauses in `text`: from the left, the longest, no overlaps."""
        owners = self.actions + self.details
        found, position = [], 0
        while position < len(text):
            here = self.clauses.at(text, position)
            if here:
                number, position = max(here, key=lambda hit: hit[1])
                found.append(owners[number][1])
            else:
                position += 1
        return found


@dataclass(frozen=True)
class _Source:
    """Both files, read and checked: what is the same at every setting of the dials."""

    version: str
    queries: tuple[Query, ...]
    personas: tuple[PersonaCard, ...]  # held-out ones last
    seen: int  # how many are not held out
    topics: dict[str, tuple[str, str]]  # topic id -> noun phrase, gerund
    templates: dict[str, tuple[str, ...]]  # intent -> training questions
    paraphrases: dict[str, tuple[str, ...]]  # query id -> training questions
    clauses: tuple[dict[str, Slot], dict[str, Slot]]  # query id -> actions; query id -> details
    phrases: dict[str, tuple[str, ...]]  # part -> all phrases of the generic bank and everybody
    rows: dict[str, tuple[tuple[float, ...], ...]]  # part -> by persona, probability of each

    @cached_property
    def by_id(self) -> dict[str, Query]:
        return {query.id: query for query in self.queries}

    @cached_property
    def places(self) -> dict[str, int]:
        return {card.id: place for place, card in enumerate(self.personas)}

    def place(self, persona_id: str) -> int:
        if persona_id not in self.places:
            near = did_you_mean(persona_id, self.places)
            raise UserError(f"world: unknown persona `{persona_id}`; {near}")
        return self.places[persona_id]

    @cached_property
    def means(self) -> dict[str, tuple[float, ...]]:
        """Mean row of the personas that are not held out: the one voice that `cross` mixes in."""
        return {
            part: tuple(
                math.fsum(column) / self.seen for column in zip(*rows[: self.seen], strict=True)
            )
            for part, rows in self.rows.items()
        }

    @cached_property
    def union(self) -> _Union:
        openings = [
            (phrase.replace("{topic}", noun), (number, topic))
            for number, phrase in enumerate(self.phrases["opening"])
            for topic, noun in (
                ((topic, noun) for topic, (noun, _) in self.topics.items())
                if "{topic}" in phrase
                else [(None, "")]
            )
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
        return _Union(
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
    listed = tuple(entries)
    return Slot(name, listed, (1 / len(listed),) * len(listed))


def _zipf(count: int, exponent: float) -> list[float]:
    weights = [(rank + 1) ** -exponent for rank in range(count)]
    return [weight / math.fsum(weights) for weight in weights]


# From here on: the two files.

_Share = Annotated[float, Field(ge=0, lt=1)]
_Text = Annotated[str, Field(pattern=r"^\S(.*\S)?$")]  # one line, no blanks at the ends
_Id = Annotated[str, Field(pattern=r"^[a-z0-9_-]+$")]
_Texts = Annotated[tuple[_Text, ...], Field(min_length=1)]


class _Entry(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class _Zipf(_Entry):
    own: float
    generic: float
    clause: float


class _PartShares(_Entry):
    opening: _Share
    advice: _Share
    reason: _Share
    closing: _Share


class _EmptyShares(_Entry):
    opening: _Share
    closing: _Share


class _Dialect(_Entry):
    zipf: _Zipf
    generic_share: _PartShares
    empty: _EmptyShares


class _Phrases(_Entry):
    opening: _Texts
    advice: _Texts
    reason: _Texts
    closing: _Texts

    def of(self, part: str) -> tuple[str, ...]:
        found: tuple[str, ...] = getattr(self, part)
        return found


class _Persona(_Phrases):
    id: _Id
    name: _Text
    system: _Text
    voice: _Text
    held_out: bool = False
    example_replies: tuple[_Text, ...] = ()


class _PersonasFile(_Entry):
    grammar: _Dialect
    generic: _Phrases
    personas: tuple[_Persona, ...]


class _Intent(_Entry):
    meaning: _Text
    train_questions: _Texts


class _Exchange(_Entry):
    query: _Text
    train_queries: tuple[_Text, ...] = ()
    actions: _Texts
    details: _Texts


class _Topic(_Entry):
    id: _Id
    topic: _Text
    gerund: _Text
    exchanges: dict[str, _Exchange]


class _TopicsFile(_Entry):
    intents: dict[_Id, _Intent]
    topics: Annotated[tuple[dict[str, Any], ...], Field(min_length=1)]


def _read(folder: Path) -> _Source:
    file = folder / "personas.yaml"
    spoken = read_model(_PersonasFile, read_yaml_mapping(file), where=str(file))
    _check_phrases(file, spoken)
    cast = sorted(spoken.personas, key=lambda persona: persona.held_out)
    phrases = {part: _all_phrases(spoken.generic, cast, part) for part in HOLES}

    topics_file = folder / "topics.yaml"
    asked = read_model(_TopicsFile, read_yaml_mapping(topics_file), where=str(topics_file))
    topics = [_read_topic(topics_file, row, asked) for row in asked.topics]
    _check_topics(topics_file, topics, asked)
    exchanges = {
        Query(f"{topic.id}.{intent}", topic.id, intent, topic.exchanges[intent].query): (
            topic.exchanges[intent]
        )
        for topic in topics
        for intent in asked.intents
    }
    content = b"\0".join(path.read_bytes() for path in (file, topics_file))
    exponent = spoken.grammar.zipf.clause

    def clauses(name: str, of_query: Mapping[Query, tuple[str, ...]]) -> dict[str, Slot]:
        return {
            query.id: Slot(name, texts, tuple(_zipf(len(texts), exponent)))
            for query, texts in of_query.items()
        }

    return _Source(
        version=hashlib.sha256(content).hexdigest()[:12],
        queries=tuple(exchanges),
        personas=tuple(
            PersonaCard(p.id, p.name, p.system, p.voice, p.held_out, p.example_replies)
            for p in cast
        ),
        seen=sum(not persona.held_out for persona in cast),
        topics={topic.id: (topic.topic, topic.gerund) for topic in topics},
        templates={name: intent.train_questions for name, intent in asked.intents.items()},
        paraphrases={query.id: row.train_queries for query, row in exchanges.items()},
        clauses=(
            clauses("action", {query: exchange.actions for query, exchange in exchanges.items()}),
            clauses("detail", {query: exchange.details for query, exchange in exchanges.items()}),
        ),
        phrases=phrases,
        rows={
            part: tuple(_row(spoken, persona, part, phrases[part]) for persona in cast)
            for part in HOLES
        },
    )


def _all_phrases(generic: _Phrases, cast: Iterable[_Persona], part: str) -> tuple[str, ...]:
    spoken = [phrase for speaker in (generic, *cast) for phrase in speaker.of(part)]
    return (*spoken, "") if part in _EmptyShares.model_fields else tuple(spoken)


def _row(
    spoken: _PersonasFile, persona: _Persona, part: str, phrases: tuple[str, ...]
) -> tuple[float, ...]:
    """How likely a persona is to use each phrase of a part, before any dial."""
    dialect = spoken.grammar
    share: float = getattr(dialect.generic_share, part)
    empty: float = getattr(dialect.empty, part, 0.0)
    own, generic = persona.of(part), spoken.generic.of(part)
    chances = {"": empty}
    for mine, texts, exponent in (
        (1 - share, own, dialect.zipf.own),
        (share, generic, dialect.zipf.generic),
    ):
        for text, weight in zip(texts, _zipf(len(texts), exponent), strict=True):
            chances[text] = (1 - empty) * mine * weight
    return tuple(chances.get(phrase, 0.0) for phrase in phrases)


def _read_topic(file: Path, row: dict[str, Any], asked: _TopicsFile) -> _Topic:
    """A topic's fields, where every intent of the file is a field of its own."""
    where = f"{file}: topic {row.get('id')}"
    for intent in asked.intents:
        if intent not in row:
            raise UserError(f"{where}: {intent}: missing; add it")
    exchanges = {
        intent: read_model(_Exchange, row[intent], where=f"{where}: {intent}")
        for intent in asked.intents
    }
    plain = {key: value for key, value in row.items() if key not in asked.intents}
    return read_model(_Topic, {**plain, "exchanges": exchanges}, where=where)


def _check_phrases(file: Path, spoken: _PersonasFile) -> None:
    """Right holes, every phrase once, different ids, at least two personas to tell apart."""
    owners: dict[str, str] = {}
    for speaker, said in (("generic", spoken.generic), *((p.id, p) for p in spoken.personas)):
        for part, hole in HOLES.items():
            for phrase in said.of(part):
                where = f"{file}: {speaker}: {part}: {phrase!r}"
                holes = phrase.count("{" + hole + "}") if hole else 0
                if phrase.count("{") != holes or holes > 1 or (holes == 0 and part in _FRAMES):
                    need = f"exactly one {{{hole}}}" if part in _FRAMES else "no other hole"
                    raise UserError(f"{where}: needs {need}")
                if phrase in owners:
                    raise UserError(f"{where}: is a phrase of {owners[phrase]} too")
                owners[phrase] = speaker
    ids = [persona.id for persona in spoken.personas]
    if len(set(ids)) != len(ids):
        raise UserError(f"{file}: personas: two have the same id")
    if sum(not persona.held_out for persona in spoken.personas) < 2:
        raise UserError(f"{file}: personas: needs two or more that are not held out")


def _check_topics(file: Path, topics: Iterable[_Topic], asked: _TopicsFile) -> None:
    """Ids, nouns and clauses must be unique, so that each tells what a reply is about."""
    seen: dict[tuple[str, str], str] = {}
    for topic in topics:
        texts = [("id", topic.id, "id"), ("topic", topic.topic, "topic")]
        for intent, exchange in topic.exchanges.items():
            texts += [("clause", text, f"{intent}: actions") for text in exchange.actions]
            texts += [("clause", text, f"{intent}: details") for text in exchange.details]
        for kind, text, field in texts:
            where = f"topic {topic.id}: {field}"
            if (kind, text) in seen:
                raise UserError(f"{file}: {where}: {text!r} is used by {seen[kind, text]} too")
            seen[kind, text] = where
    for name, purpose in asked.intents.items():
        for template in purpose.train_questions:
            try:
                template.format(topic="", gerund="")
            except (KeyError, IndexError, ValueError):
                raise UserError(
                    f"{file}: intents: {name}: train_questions: {template!r}: "
                    "may only have the holes {topic} and {gerund}"
                ) from None
