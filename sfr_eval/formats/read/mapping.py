"""Finds the prompt of the suite that a foreign row answers.

The row may name it (a field of our own exports, the id of a data set's row); otherwise its text
decides. A text that fits two queries is refused, and so is an id that names one query beside the
text of another: nothing is guessed.
"""

import json
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Protocol

from sfr_eval.errors import UserError, did_you_mean
from sfr_eval.formats.read.names import ID_NAMES, PERSONA_NAMES, Fields, value_at
from sfr_eval.suites.suite import Suite
from sfr_eval.util.field_names import role_of

Row = Mapping[str, Any]
Messages = Sequence[tuple[str, str]]
"""(role, text) of each message; role "" is a prompt whose template has been applied."""

_QUERY_TEXTS = ("question", "prompt", "text", "input", "instruction", "problem", "question_content")
"""Fields of a foreign document that may hold the text of a query."""
_COMMON_WORDS = 0.5
"""A prompt is taken for another wording of a query if they share this part of the shorter one's
words."""
_NEARLY_EQUAL = 0.8
"""A prompt that shares so many of both texts' words is another query's, up to a word or two. Data
sets hold questions that are alike (MBPP 130 and 362), so the nearest one alone tells nothing."""
_LONG = 30
"""A text of so many characters that is part of one query's is hardly another one's: suites add
instructions to a data set's problems."""
_SHORT = 12
"""A text of fewer characters stands in too many others to tell anything."""


class Prompts(Protocol):
    """Where readers find the prompt that a row answers."""

    @property
    def fields(self) -> Fields:
        """Where the user says what is."""
        ...

    @property
    def made(self) -> bool:
        """Whether the queries are made from the rows, as no suite was named."""
        ...

    def find(
        self,
        row: Row,
        document: Row,
        *,
        messages: Messages,
        where: str,
        names: Sequence[str] = (),
    ) -> tuple[str, str]:
        """Return (query id, persona id) of a row.

        `document` is the part of the row that describes the prompt, `names` are further names of
        the query, `messages` are those that the model read.
        """
        ...


@dataclass(frozen=True, kw_only=True)
class PromptMap:
    """Queries and personas of one suite, found by id or by text."""

    suite: Suite
    fields: Fields = field(default_factory=Fields)
    made: bool = False
    _agreed: dict[tuple[str, ...], str] = field(default_factory=dict, repr=False)

    def find(
        self,
        row: Row,
        document: Row,
        *,
        messages: Messages,
        where: str,
        names: Sequence[str] = (),
    ) -> tuple[str, str]:
        """See `Prompts.find`. Raises UserError if no query fits, or several do."""
        return (
            self._query(row, document, messages, where, names),
            self._persona(row, document, messages, where),
        )

    def known_query(self, name: str, *, where: str) -> str:
        """Return the id of a query named by id or by its exact text. Raises UserError if the suite
        has none of that name."""
        query = self.query_named(name)
        if query is None:
            near = did_you_mean(name, self.suite.queries)
            raise UserError(
                f"{where}: query `{name[:60]}` is not in suite {self.suite.id}; {near[:120]}"
            )
        return query

    def known_persona(self, name: str, *, where: str) -> str:
        """Return the persona's id. Raises UserError if the suite has none of that name."""
        if name not in (set(self.suite.personas) or {""}):
            near = did_you_mean(name, self.suite.personas)
            raise UserError(f"{where}: persona `{name}` is unknown; {near}")
        return name

    def query_named(self, name: str) -> str | None:
        """Return the id of a query named by id or by its exact text; None if there is none."""
        if name in self.suite.queries:
            return name
        return self._by_exact_text.get(name) or self._by_text.get(_normal(name))

    def refuse_another(
        self, query: str, texts: Sequence[str], *, name: str, where: str, said: bool = False
    ) -> None:
        """Raise UserError if the texts of a row are those of another query than the one that its
        `name` stands for. `said`: the user said which field counts, so another wording is fine."""
        key = (query, str(said), *texts)
        if key not in self._agreed:
            self._agreed[key] = self._other_query(query, texts, said=said)
        if other := self._agreed[key]:
            raise UserError(
                f"{where}: `{name[:60]}` names the query `{_shown(self.suite.queries[query])}`, "
                f"but its prompt is {other}; repair the ids, or say which field counts with "
                "--query-field"
            )

    def _other_query(self, query: str, texts: Sequence[str], *, said: bool) -> str:
        """Return what a row's prompt is, if it is not that of the query; else ""."""
        own = _normal(self.suite.queries[query])
        stated = [text for text in map(_normal, texts) if text]
        if not stated or any(own in t or (len(t) >= _SHORT and t in own) for t in stated):
            return ""
        for text in stated:
            if text in self._by_text:
                return f"that of `{self._by_text[text]}`"
        if said:
            return ""
        for text in stated:
            if inside := longest_inside(text, self._long_queries):
                return f"that of `{inside[0]}`"
            if len(text) >= _LONG and (around := self._around(text)):
                return f"part of that of `{around}`"
        sets = [_words(text) for text in stated]
        shares = [_common(self._query_words[query], words) for words in sets]
        if max(shares) < _COMMON_WORDS:
            return f"`{_shown(texts[0])}`"
        for words in sets:
            if _alike(self._query_words[query], words) > _COMMON_WORDS:
                continue
            near = {id: _alike(others, words) for id, others in self._query_words.items()}
            nearest = max(near, key=lambda id: near[id])
            if near[nearest] >= _NEARLY_EQUAL:
                return f"nearly that of `{nearest}`"
        return ""

    @cached_property
    def _normal_queries(self) -> dict[str, str]:
        return {id: _normal(text) for id, text in self.suite.queries.items()}

    def _around(self, text: str) -> str:
        """Return the only query that a text is part of; "" if there is none, or several."""
        queries = [id for id, query in self._normal_queries.items() if text in query]
        return queries[0] if len(queries) == 1 else ""

    @cached_property
    def _long_queries(self) -> dict[str, str]:
        return {id: text for id, text in self._normal_queries.items() if len(text) >= _SHORT}

    @cached_property
    def _query_words(self) -> dict[str, frozenset[str]]:
        return {id: _words(text) for id, text in self._normal_queries.items()}

    @cached_property
    def _by_exact_text(self) -> dict[str, str]:
        return {text: id for id, text in self.suite.queries.items()}

    @cached_property
    def _by_text(self) -> dict[str, str]:
        """The ids of queries by their words, but of those that differ in more than blanks."""
        counts = Counter(self._normal_queries.values())
        return {text: id for id, text in self._normal_queries.items() if counts[text] == 1}

    def _query(
        self, row: Row, document: Row, messages: Messages, where: str, names: Sequence[str]
    ) -> str:
        user = [text for role, text in messages if role == "user"]
        prompt = "\n".join(text for _, text in messages)
        texts = [document[name] for name in _QUERY_TEXTS if isinstance(document.get(name), str)]
        texts = [*user[-1:], *([prompt] if prompt and not user else []), *texts]
        if self.fields.query is not None:
            name = look_up(row, self.fields.query, option="--query-field", where=where)
            known = self.known_query(name, where=f"{where}: {self.fields.query}")
            self.refuse_another(known, texts[:1], name=name, where=where, said=True)
            return known
        ids = [document[name] for name in ID_NAMES if _is_name(document.get(name))]
        named = {n: q for n in map(str, (*ids, *names)) if (q := self.query_named(n)) is not None}
        for name, known in named.items():
            self.refuse_another(known, texts, name=name, where=where)
            other = next((n for n, q in named.items() if q != known), None)
            if other is not None and not any(texts):
                raise UserError(
                    f"{where}: `{name[:60]}` and `{other[:60]}` name two queries; say which field "
                    "counts with --query-field"
                )
            return known
        matches = {query for text in texts if (query := self.query_named(text)) is not None}
        if len(matches) == 1:
            return matches.pop()
        inside = sorted(matches) or longest_inside(_normal(prompt), self._normal_queries)
        if not inside:
            parts = [text for text in map(_normal, texts) if len(text) >= _LONG]
            inside = sorted({query for text in parts if (query := self._around(text))})
        if len(inside) == 1:
            return inside[0]
        if inside:
            why = f"the prompt contains {len(inside)} queries ({', '.join(inside[:3])})"
        else:
            said = next(iter((*map(str, ids), *names, *texts)), "")
            shown = " ".join(said.split())[:60]
            why = f"`{shown}` names no query of suite {self.suite.id}"
            if not said:
                why = f"no field names a query of suite {self.suite.id} or holds its text"
        raise UserError(f"{where}: {why}; say which field names it with --query-field")

    def _persona(self, row: Row, document: Row, messages: Messages, where: str) -> str:
        personas = self.suite.personas
        if self.fields.persona is not None:
            name = look_up(row, self.fields.persona, option="--persona-field", where=where)
            return self.known_persona(name, where=f"{where}: {self.fields.persona}")
        if not personas:
            return ""
        for name in PERSONA_NAMES:
            if isinstance(document.get(name), str):
                return self.known_persona(document[name], where=f"{where}: {name}")
        prompt = "\n".join(text for role, text in messages if role in ("system", ""))
        cards = {id: card.system.strip() for id, card in personas.items()}
        inside = longest_inside(prompt, cards)
        if len(inside) == 1:
            return inside[0]
        raise UserError(
            f"{where}: no persona of suite {self.suite.id} is recognised in the system prompt; "
            "say which field names it with --persona-field"
        )


def _normal(text: str) -> str:
    """Return what of a prompt is compared: its words, whatever the blanks and capitals."""
    return " ".join(text.split()).casefold()


def _shown(text: str) -> str:
    short = " ".join(text.split())
    return short if len(short) <= 60 else short[:57] + "..."


def _words(text: str) -> frozenset[str]:
    return frozenset(re.findall(r"\w+", text))


def _common(first: frozenset[str], second: frozenset[str]) -> float:
    """Return the part of the words of the shorter text that both have."""
    return len(first & second) / max(1, min(len(first), len(second)))


def _alike(first: frozenset[str], second: frozenset[str]) -> float:
    """Return the part of the words of both texts that both have, so that a short text which
    happens to stand in many is not the nearest to all."""
    return 2 * len(first & second) / max(1, len(first) + len(second))


def _is_name(value: Any) -> bool:
    return isinstance(value, str | int) and not isinstance(value, bool) and value != ""


def longest_inside(prompt: str, texts: Mapping[str, str]) -> list[str]:
    """Return the ids of the texts that occur in a prompt, except parts of others that do."""
    inside = [id for id, text in texts.items() if text and text in prompt]
    return [
        id
        for id in inside
        if not any(texts[id] != texts[other] and texts[id] in texts[other] for other in inside)
    ]


def look_up(row: Row, path: str, *, option: str, where: str) -> str:
    """Return the value at a dotted path as text. Raises UserError if there is no name."""
    value = value_at(row, path, option=option, where=where)
    if not isinstance(value, str | int) or isinstance(value, bool):
        raise UserError(f"{where}: {option} {path}: holds {type(value).__name__}, not a name")
    return str(value)


def messages_of(prompt: str) -> list[tuple[str, str]]:
    """Return a prompt as (role, text). lm-eval and our export write chats as a JSON list of
    messages; anything else is one text whose template has been applied."""
    return chat_turns(prompt) or [("", prompt)]


def chat_turns(value: Any) -> list[tuple[str, str]]:
    """Return a chat as (role, text): a list of {role, content} or of ShareGPT's {from, value}. []
    if it is something else. Tables hold such a list as JSON text."""
    if isinstance(value, str) and value.lstrip().startswith("[{"):
        with suppress(ValueError, RecursionError):
            value = json.loads(value)
    if not isinstance(value, Sequence) or isinstance(value, str) or not value:
        return []
    turns = []
    for turn in value:
        role = turn.get("role", turn.get("from")) if isinstance(turn, Mapping) else None
        if not isinstance(role, str):
            return []
        text = content_text(turn.get("content", turn.get("value", turn.get("text"))))
        turns.append((role_of(role), text))
    return turns


def content_text(content: Any) -> str:
    """Return the text of a message's content: a string, a record that holds one, or the text among
    a list of parts."""
    if isinstance(content, str):
        return content
    if isinstance(content, Mapping):
        texts = (content.get(name) for name in ("text", "answer", "content"))
        return next((text for text in texts if isinstance(text, str)), "")
    if not isinstance(content, Sequence):
        return ""
    parts = [part.get("text") for part in content if isinstance(part, Mapping)]
    return "\n".join(part for part in parts if isinstance(part, str))
