"""Finds the prompt of the suite that a foreign row answers.

The row may name it (a field of our own exports, the id of a data set's row); otherwise its text
decides. A text that fits two queries is refused: nothing is guessed.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from sfr_eval.errors import UserError, did_you_mean
from sfr_eval.suites.suite import Suite

Row = Mapping[str, Any]
Messages = Sequence[tuple[str, str]]
"""(role, text) of each message; role "" is a prompt whose template has been applied."""

QUERY_NAMES = ("query", "query_id", "task_id", "question_id", "id", "question", "prompt", "text")
"""Fields of a foreign document that may name a query, by id or by text; the first match counts."""
PERSONA_NAMES = ("persona", "persona_id", "style")


@dataclass(frozen=True, kw_only=True)
class Fields:
    """Where the user says query and persona are: dotted paths like `doc.task_id`."""

    query: str | None = None
    persona: str | None = None


@dataclass(frozen=True, kw_only=True)
class PromptMap:
    """Queries and personas of one suite, found by id or by text."""

    suite: Suite
    fields: Fields

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
        return (
            self._query(row, document, messages, where, names),
            self._persona(row, document, messages, where),
        )

    def known_query(self, name: str, *, where: str) -> str:
        """Return the id of a query named by id or by its exact text. Raises UserError if the suite
        has none of that name."""
        query = self._query_named(name)
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

    def _query_named(self, name: str) -> str | None:
        return name if name in self.suite.queries else self._by_text.get(name)

    @cached_property
    def _by_text(self) -> dict[str, str]:
        return {text: id for id, text in self.suite.queries.items()}

    def _query(
        self, row: Row, document: Row, messages: Messages, where: str, names: Sequence[str]
    ) -> str:
        if self.fields.query is not None:
            name = look_up(row, self.fields.query, option="--query-field", where=where)
            return self.known_query(name, where=f"{where}: {self.fields.query}")
        stated = [document[name] for name in QUERY_NAMES if isinstance(document.get(name), str)]
        user = [text for role, text in messages if role == "user"]
        for name in (*stated, *names, *user[-1:]):
            query = self._query_named(name)
            if query is not None:
                return query
        prompt = "\n".join(text for _, text in messages)
        inside = longest_inside(prompt, self.suite.queries)
        if len(inside) == 1:
            return inside[0]
        if inside:
            why = f"the prompt contains {len(inside)} queries ({', '.join(inside[:3])})"
        else:
            shown = " ".join((*stated, *user[-1:], prompt)[0].split())[:60]
            why = f"`{shown}` names no query of suite {self.suite.id}"
        raise UserError(f"{where}: {why}; say which field names it with --query-field")

    def _persona(self, row: Row, document: Row, messages: Messages, where: str) -> str:
        personas = self.suite.personas
        if self.fields.persona is not None:
            name = look_up(row, self.fields.persona, option="--persona-field", where=where)
            return self.known_persona(name, where=f"{where}: {self.fields.persona}")
        if not personas:
            return ""
        for field in PERSONA_NAMES:
            if isinstance(document.get(field), str):
                return self.known_persona(document[field], where=f"{where}: {field}")
        prompt = "\n".join(text for role, text in messages if role in ("system", ""))
        cards = {id: card.system.strip() for id, card in personas.items()}
        inside = longest_inside(prompt, cards)
        if len(inside) == 1:
            return inside[0]
        raise UserError(
            f"{where}: no persona of suite {self.suite.id} is recognised in the system prompt; "
            "say which field names it with --persona-field"
        )


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
    value: Any = row
    for part in path.split("."):
        if not isinstance(value, Mapping) or part not in value:
            names = value if isinstance(value, Mapping) else {}
            raise UserError(
                f"{where}: {option} {path}: no field `{part}`; {did_you_mean(part, names)}"
            )
        value = value[part]
    if not isinstance(value, str | int) or isinstance(value, bool):
        raise UserError(f"{where}: {option} {path}: holds {type(value).__name__}, not a name")
    return str(value)


def messages_of(prompt: str) -> list[tuple[str, str]]:
    """Return a prompt as (role, text). lm-eval and our export write chats as a JSON list of
    messages; anything else is one text whose template has been applied."""
    try:
        turns = json.loads(prompt)
    except ValueError:
        turns = None
    if not (isinstance(turns, list) and turns and all(map(_is_turn, turns))):
        return [("", prompt)]
    return [(turn["role"], content_text(turn.get("content"))) for turn in turns]


def _is_turn(turn: Any) -> bool:
    return isinstance(turn, Mapping) and isinstance(turn.get("role"), str)


def content_text(content: Any) -> str:
    """Return the text of a message's content: a string, or the text among a list of parts."""
    if isinstance(content, str):
        return content
    if not isinstance(content, list):
        return ""
    parts = [part.get("text") for part in content if isinstance(part, Mapping)]
    return "\n".join(part for part in parts if isinstance(part, str))
