"""Makes the queries of a suite from the prompts of foreign rows, where no suite was named."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from sfr_eval.errors import UserError
from sfr_eval.formats.read.mapping import Messages, Row, content_text, look_up
from sfr_eval.formats.read.names import ID_NAMES, Fields
from sfr_eval.formats.read.reply import checked_text
from sfr_eval.suites.own import own_suite, safe_id
from sfr_eval.suites.spec import PersonaRow, QueryRow, Turn
from sfr_eval.suites.suite import Suite
from sfr_eval.util.field_names import ANSWERS, CATEGORIES, PERSONAS, REFERENCES

_NUMBERED = "q{}"


@dataclass(kw_only=True)
class _Query:
    """A prompt of the rows, and what its rows say of it."""

    turns: tuple[Turn, ...]
    where: str
    names: set[str] = field(default_factory=set)  # ids that its rows give it
    facts: dict[str, tuple[str, ...]] = field(default_factory=dict)  # category, references, answers


@dataclass(kw_only=True)
class OwnPrompts:
    """The distinct prompts of the rows read so far, in their order. See `mapping.Prompts`."""

    fields: Fields = field(default_factory=Fields)
    made: bool = True
    queries: dict[str, _Query] = field(default_factory=dict)  # by a key of their own
    cards: dict[str, str] = field(default_factory=dict)  # persona -> system prompt
    persona_ids: dict[str, str] = field(default_factory=dict)

    def find(
        self,
        row: Row,
        document: Row,
        *,
        messages: Messages,
        where: str,
        names: Sequence[str] = (),
    ) -> tuple[str, str]:
        """Return (key of the query, persona id) of a row. Raises UserError if it has no prompt."""
        system = [text for role, text in messages if role == "system" and text]
        turns = [(role or "user", text) for role, text in messages if role != "system"]
        if turns and turns[-1][0] == "user" and not turns[-1][1].strip():
            raise UserError(f"{where}: the prompt is empty; leave the row out")
        if not turns or turns[-1][0] != "user":
            raise UserError(f"{where}: {_without_prompt(document, names)}")
        persona = self._persona(row, document, "\n\n".join(system), where)
        if system and not persona:
            turns.insert(0, ("system", "\n\n".join(system)))
        turns = [(role, checked_text(text, where=where)) for role, text in turns if text]
        if unknown := {role for role, _ in turns} - {"system", "user", "assistant"}:
            raise UserError(
                f"{where}: a message of role `{min(unknown)}`, which no prompt here has"
            )
        key = "\0".join(part for turn in turns for part in turn)
        query = self.queries.get(key)
        if query is None:
            kept = tuple(Turn.model_validate({"role": r, "content": t}) for r, t in turns)
            query = self.queries[key] = _Query(turns=kept, where=where)
        query.names |= self._names(row, document, names, where)
        for name, value in _facts(document).items():
            for text in value:
                checked_text(text, where=where, what=name)
            known = query.facts.get(name, ())
            query.facts[name] = (*known, *(text for text in value if text not in known))
        return key, persona

    def suite(self, *, id: str, title: str) -> tuple[Suite, Mapping[str, str]]:
        """Return the suite of all prompts, and the ids of its queries by their keys."""
        ids = self._ids()
        rows = [_query_row(ids[key], query) for key, query in self.queries.items()]
        cards = [
            # The name stands for a card that the rows do not have: a card is never empty.
            PersonaRow(id=self.persona_ids[name], name=name, system=card or name)
            for name, card in self.cards.items()
        ]
        return own_suite(rows, id=id, title=title, personas=cards), ids

    def _ids(self) -> dict[str, str]:
        """Return an id for each query: that of its rows if every query has one of its own, else its
        number."""
        stated = {
            key: safe_id(min(q.names)) for key, q in self.queries.items() if len(q.names) == 1
        }
        own = len(stated) == len(self.queries) == len(set(stated.values()))
        digits = len(str(len(self.queries)))
        return {
            key: stated[key] if own else _NUMBERED.format(str(number).zfill(digits))
            for number, key in enumerate(self.queries, start=1)
        }

    def _names(self, row: Row, document: Row, names: Sequence[str], where: str) -> set[str]:
        if self.fields.query is not None:
            return {look_up(row, self.fields.query, option="--query-field", where=where)}
        stated = (document.get(name) for name in ID_NAMES)
        first = next((v for v in stated if isinstance(v, str | int) and str(v).strip()), None)
        if first is None:
            return set(names[:1])
        return {str(first)} if len(str(first)) <= 100 else set()

    def _persona(self, row: Row, document: Row, system: str, where: str) -> str:
        if self.fields.persona is not None:
            name = look_up(row, self.fields.persona, option="--persona-field", where=where)
        else:
            stated = (document.get(name) for name in PERSONAS)
            name = next((value for value in stated if isinstance(value, str) and value), "")
        if bool(self.cards) != bool(name) and self.queries:
            raise UserError(
                f"{where}: {'names' if name else 'has no'} persona, unlike the rows before; give "
                "all rows one, or none"
            )
        if not name:
            return ""
        if name not in self.cards:
            # An id has few characters, so that names may share one: then it is a number.
            id = re.sub(r"[^a-z0-9_-]+", "-", name.lower()).strip("-")[:100]
            taken = not id or id in self.persona_ids.values()
            self.persona_ids[name] = f"p{len(self.persona_ids) + 1}" if taken else id
        card = self.cards.setdefault(name, checked_text(system, where=where, what="system"))
        if system != card:
            raise UserError(
                f"{where}: persona `{name}` has another system prompt than before; give it one, or "
                "rename the field to make each prompt a query"
            )
        return self.persona_ids[name]


def _query_row(id: str, query: _Query) -> QueryRow:
    turns = query.turns
    alone = len(turns) == 1
    return QueryRow(
        id=id,
        text=turns[0].content if alone else "",
        messages=() if alone else turns,
        category=next(iter(query.facts.get("category", ())), ""),
        references=query.facts.get("references", ()),
        answers=query.facts.get(ANSWERS, ()),
    )


def _facts(document: Row) -> dict[str, tuple[str, ...]]:
    """Return category, references and answers that a row states, as texts."""
    categories = (document.get(name) for name in CATEGORIES)
    stated = {
        "category": next((name for name in categories if isinstance(name, str) and name), None),
        "references": next((document[n] for n in REFERENCES if document.get(n)), None),
        ANSWERS: document.get(ANSWERS),
    }
    texts = {name: _texts(value) for name, value in stated.items()}
    return {name: value for name, value in texts.items() if value}


def _texts(value: Any) -> tuple[str, ...]:
    values = value if isinstance(value, Sequence) and not isinstance(value, str) else [value]
    parts = (content_text(part) if isinstance(part, Mapping) else part for part in values)
    return tuple(str(part) for part in parts if isinstance(part, str | int) and str(part).strip())


def _without_prompt(document: Row, names: Sequence[str]) -> str:
    ids = [str(document[n]) for n in ID_NAMES if isinstance(document.get(n), str | int)]
    if named := [*ids, *names]:
        return (
            f"names the query `{named[0][:60]}` but holds no prompt; name the suite with --suite, "
            "or the field of the prompt with --prompt-field"
        )
    fields = ", ".join(map(str, document)) or "none"
    return (
        f"no field holds the prompt (fields: {fields[:120]}); say which with --prompt-field, or "
        "name the suite with --suite"
    )
