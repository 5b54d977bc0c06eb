"""Reads topics.yaml and personas.yaml of a persona benchmark; errors name the file and field."""

import hashlib
import math
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field

from sfr_eval.errors import UserError
from sfr_eval.suites.world.grammar import Slot
from sfr_eval.suites.world.persona_source import HOLES, PersonaCard, PersonaSource, Query
from sfr_eval.util.reading import read_model, read_yaml_mapping
from sfr_eval.util.untrusted import plain_bytes

_FRAMES = ("advice", "reason")
_Share = Annotated[float, Field(ge=0, lt=1)]
_Text = Annotated[str, Field(pattern=r"^\S(.*\S)?$")]  # one line, no blanks at either end
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
        phrases: tuple[str, ...] = getattr(self, part)
        return phrases


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


def _zipf(count: int, exponent: float) -> list[float]:
    weights = [(rank + 1) ** -exponent for rank in range(count)]
    return [weight / math.fsum(weights) for weight in weights]


def read_persona_files(folder: Path) -> PersonaSource:
    """Read both files of a suite folder."""
    file = folder / "personas.yaml"
    personas_file = read_model(_PersonasFile, read_yaml_mapping(file), where=str(file))
    _check_phrases(file, personas_file)
    cast = sorted(personas_file.personas, key=lambda persona: persona.held_out)
    phrases = {part: _all_phrases(personas_file.generic, cast, part) for part in HOLES}

    topics_file = folder / "topics.yaml"
    content = read_model(_TopicsFile, read_yaml_mapping(topics_file), where=str(topics_file))
    topics = [_read_topic(topics_file, row, content) for row in content.topics]
    _check_topics(topics_file, topics, content)
    exchanges = {
        Query(f"{topic.id}.{intent}", topic.id, intent, topic.exchanges[intent].query): (
            topic.exchanges[intent]
        )
        for topic in topics
        for intent in content.intents
    }
    digest_input = b"\0".join(plain_bytes(path) for path in (file, topics_file))
    exponent = personas_file.grammar.zipf.clause

    def clauses(name: str, of_query: Mapping[Query, tuple[str, ...]]) -> dict[str, Slot]:
        return {
            query.id: Slot(name, texts, tuple(_zipf(len(texts), exponent)))
            for query, texts in of_query.items()
        }

    return PersonaSource(
        version=hashlib.sha256(digest_input).hexdigest()[:12],
        queries=tuple(exchanges),
        personas=tuple(
            PersonaCard(p.id, p.name, p.system, p.voice, p.held_out, p.example_replies)
            for p in cast
        ),
        seen=sum(not persona.held_out for persona in cast),
        topics={topic.id: (topic.topic, topic.gerund) for topic in topics},
        templates={name: intent.train_questions for name, intent in content.intents.items()},
        paraphrases={query.id: row.train_queries for query, row in exchanges.items()},
        clauses=(
            clauses("action", {query: exchange.actions for query, exchange in exchanges.items()}),
            clauses("detail", {query: exchange.details for query, exchange in exchanges.items()}),
        ),
        phrases=phrases,
        rows={
            part: tuple(_row(personas_file, persona, part, phrases[part]) for persona in cast)
            for part in HOLES
        },
    )


def _all_phrases(generic: _Phrases, cast: Iterable[_Persona], part: str) -> tuple[str, ...]:
    spoken = [phrase for speaker in (generic, *cast) for phrase in speaker.of(part)]
    return (*spoken, "") if part in _EmptyShares.model_fields else tuple(spoken)


def _row(
    personas_file: _PersonasFile, persona: _Persona, part: str, phrases: tuple[str, ...]
) -> tuple[float, ...]:
    """Return the probability that a persona uses each phrase of a part, before any dial."""
    dialect = personas_file.grammar
    share: float = getattr(dialect.generic_share, part)
    empty: float = getattr(dialect.empty, part, 0.0)
    own, generic = persona.of(part), personas_file.generic.of(part)
    chances = {"": empty}
    for mine, texts, exponent in (
        (1 - share, own, dialect.zipf.own),
        (share, generic, dialect.zipf.generic),
    ):
        for text, weight in zip(texts, _zipf(len(texts), exponent), strict=True):
            chances[text] = (1 - empty) * mine * weight
    return tuple(chances.get(phrase, 0.0) for phrase in phrases)


def _read_topic(file: Path, row: dict[str, Any], content: _TopicsFile) -> _Topic:
    """Read a topic, in which every intent of the file is a field of its own."""
    where = f"{file}: topic {row.get('id')}"
    for intent in content.intents:
        if intent not in row:
            raise UserError(f"{where}: {intent}: missing; add it")
    exchanges = {
        intent: read_model(_Exchange, row[intent], where=f"{where}: {intent}")
        for intent in content.intents
    }
    plain = {key: value for key, value in row.items() if key not in content.intents}
    return read_model(_Topic, {**plain, "exchanges": exchanges}, where=where)


def _check_phrases(file: Path, personas_file: _PersonasFile) -> None:
    """Check for the right holes, unique phrases and ids, and two personas to tell apart."""
    owners: dict[str, str] = {}
    for speaker, bank in (
        ("generic", personas_file.generic),
        *((p.id, p) for p in personas_file.personas),
    ):
        for part, hole in HOLES.items():
            for phrase in bank.of(part):
                where = f"{file}: {speaker}: {part}: {phrase!r}"
                holes = phrase.count("{" + hole + "}") if hole else 0
                if phrase.count("{") != holes or holes > 1 or (holes == 0 and part in _FRAMES):
                    need = f"exactly one {{{hole}}}" if part in _FRAMES else "no other hole"
                    raise UserError(f"{where}: needs {need}")
                if phrase in owners:
                    raise UserError(f"{where}: is also a phrase of {owners[phrase]}")
                owners[phrase] = speaker
    ids = [persona.id for persona in personas_file.personas]
    if len(set(ids)) != len(ids):
        raise UserError(f"{file}: personas: two have the same id")
    if sum(not persona.held_out for persona in personas_file.personas) < 2:
        raise UserError(f"{file}: personas: needs two or more that are not held out")


def _check_topics(file: Path, topics: Iterable[_Topic], content: _TopicsFile) -> None:
    """Check that ids, nouns and clauses are unique, so that each shows what a reply is about."""
    seen: dict[tuple[str, str], str] = {}
    for topic in topics:
        texts = [("id", topic.id, "id"), ("topic", topic.topic, "topic")]
        for intent, exchange in topic.exchanges.items():
            texts += [("clause", text, f"{intent}: actions") for text in exchange.actions]
            texts += [("clause", text, f"{intent}: details") for text in exchange.details]
        for kind, text, field in texts:
            where = f"topic {topic.id}: {field}"
            if (kind, text) in seen:
                raise UserError(f"{file}: {where}: {text!r} is also used by {seen[kind, text]}")
            seen[kind, text] = where
    for name, purpose in content.intents.items():
        for template in purpose.train_questions:
            try:
                template.format(topic="", gerund="")
            except (KeyError, IndexError, ValueError):
                raise UserError(
                    f"{file}: intents: {name}: train_questions: {template!r}: "
                    "may have no holes other than {topic} and {gerund}"
                ) from None
