"""Plain rows: a prompt, or the name of a query, and a reply or several, whatever the fields are
called. Our own rows are {"query", "persona", "text", "temperature"?, "status"?}."""

import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from pydantic import BaseModel, Field

from sfr_eval.errors import UserError
from sfr_eval.formats.read.mapping import Messages, PromptMap, Prompts, chat_turns, look_up
from sfr_eval.formats.read.names import (
    MODEL_NAMES,
    SAMPLE_NAMES,
    TEMPERATURE_NAMES,
    Fields,
    Row,
    field_for,
    plain,
    value_at,
)
from sfr_eval.formats.read.reply import (
    END_KEYS,
    NO_TEXT,
    TEMPERATURE_WARNING,
    UNSTATED_TEMPERATURE,
    Reading,
    Reply,
    Text,
    checked_text,
    holds_text,
    is_missing,
    status_of,
    temperature_of,
    texts_of,
)
from sfr_eval.formats.read.source import Source
from sfr_eval.types import TEXT_STATUSES, Status
from sfr_eval.util.field_names import CHATS, PROMPTS, REPLIES, system_of
from sfr_eval.util.reading import read_model

OWN = {"query", "text"}
_LIST = re.compile(r"""\s*\[\s*(['"].*['"])?\s*\]\s*\Z""", re.DOTALL)
"""A cell with a list of texts."""


class GenerationRow(BaseModel):
    """One imported completion, in our own form."""

    query: str = Field(min_length=1, description="id or text of a query of the suite")
    text: str
    persona: str = ""
    temperature: float = Field(
        UNSTATED_TEMPERATURE, ge=0, allow_inf_nan=False, description="1.0 if unknown"
    )
    status: Status = "ok"
    error: str = ""
    index: int | None = Field(None, ge=0, description="position among the replies to its prompt")
    sample_id: str | None = Field(None, min_length=1)
    seed: int | None = None
    prompt_tokens: int | None = Field(None, ge=0)
    completion_tokens: int | None = Field(None, ge=0)


@dataclass(frozen=True, kw_only=True)
class Columns:
    """Which field of a row holds what; None: no field does."""

    prompt: str | None
    text: str | None  # None: the last turn of the prompt, which is a chat
    model: str | None
    sample: str | None
    temperature: str | None
    own: bool = False  # rows of our own form, whose other facts count, too
    lists: bool = False  # cells of a table hold lists of replies, as text


def read(source: Source, prompts: Prompts) -> Reading:
    """Read every row of a file and find its prompt."""
    if next(iter(source.rows()), None) is None:  # raises for anything but a record
        raise UserError(f"{source.file}: has no rows")
    columns = columns_of(source.first_rows, prompts.fields, where=str(source.file))
    if source.kind == "table" and columns.text is not None:
        columns = replace(columns, lists=_hold_lists(source.first_rows, columns))
    replies: list[Reply] = []
    unstated = 0
    for where, whole in source.rows():
        row = _filled(whole, columns.text) if source.kind == "table" else whole
        model = _model(row, columns, where)
        temperature = _field(row, columns.temperature, "temperature", where)
        if columns.own and not isinstance(row.get("text"), list):
            if columns.temperature not in (None, "temperature"):
                row = {**row, "temperature": temperature}
            replies.append(_own_reply(row, columns, prompts, model, where=where))
            continue
        number = temperature_of(temperature, where=where)
        unstated += number is None
        facts = {
            "where": where,
            "temperature": UNSTATED_TEMPERATURE if number is None else number,
            "model": model,
        }
        replies += _replies(row, columns, prompts, facts, where=where)
    warnings = []
    if unstated and not columns.own:
        known = any(reply.temperature != UNSTATED_TEMPERATURE for reply in replies)
        warnings.append(
            f"{unstated:,} of the rows have no temperature, unlike others; it is taken as 1."
            if known
            else TEMPERATURE_WARNING
        )
    return Reading(
        file=source.file, format="rows", replies=replies, warnings=warnings, sharded=True
    )


def _hold_lists(rows: Sequence[Row], columns: Columns) -> bool:
    """Return whether the cells of a table hold lists of replies. Where a prompt has several rows,
    each is one reply, which may be a list that the model wrote."""
    cells = [cell for row in rows if not is_missing(cell := row.get(str(columns.text)))]
    if not cells or not all(isinstance(cell, str) and _LIST.match(cell) for cell in cells):
        return False
    asked = [
        tuple(str(row.get(n)) for n in (columns.prompt, columns.model, columns.temperature) if n)
        for row in rows
    ]
    return plain(str(columns.text)).endswith("s") or len(set(asked)) == len(asked)


def columns_of(rows: Sequence[Row], fields: Fields, *, where: str) -> Columns:
    """Return which fields are which, from the first rows. Raises UserError if several fit."""

    def guessed(names: Sequence[str], what: str, fits: Callable[[Any], bool]) -> str | None:
        option = f"--{what}-field"
        kind = {"text": "reply", "sample": "number of the sample"}.get(what, what)
        return field_for(names, rows, fits=fits, what=kind, option=option, where=where, key=_asked)

    own = bool(rows) and set(rows[0]) >= OWN
    own = own and fields.text is None and fields.prompt is None
    text = fields.text or ("text" if own else None)
    prompt = fields.prompt
    if text is None:
        others = [name for name in REPLIES if name != prompt]
        text = guessed(others, "text", holds_text)
    if prompt is None:
        names = [name for name in PROMPTS if name != text]
        fields_of_chats = {n for row in rows for n in row if plain(n) in CHATS}
        chats = [
            plain(n)
            for n in sorted(fields_of_chats)
            if any(len(chat_turns(row.get(n))) > 1 for row in rows)
        ]
        try:
            prompt = guessed(chats or names, "prompt", _holds_prompt)
        except UserError:
            if not own:  # whose other fields do not count
                raise
    if text is None and (prompt is None or not any(_ends_in_reply(r.get(prompt)) for r in rows)):
        shown = ", ".join(map(str, rows[0] if rows else ())) or "none"
        raise UserError(
            f"{where}: no field holds the reply (fields: {shown[:120]}); say which with "
            "--text-field"
        )
    return Columns(
        prompt=prompt,
        text=text,
        model=fields.model or guessed(MODEL_NAMES, "model", _names_model),
        sample=fields.sample or (None if own else guessed(SAMPLE_NAMES, "sample", _is_count)),
        temperature=fields.temperature or guessed(TEMPERATURE_NAMES, "temperature", _is_given),
        own=own,
    )


def _replies(
    row: Row, columns: Columns, prompts: Prompts, facts: Mapping[str, Any], *, where: str
) -> Iterator[Reply]:
    """Yield the replies of one row of another form."""
    messages: Messages
    messages, last = _messages(row, columns, where)
    document = {name: value for name, value in row.items() if name != columns.text}
    if not messages and prompts.made and isinstance(row.get("query"), str):
        messages = _question(row["query"], where)
    query, persona = prompts.find(row, document, messages=messages, where=where)
    index = _count(_field(row, columns.sample, "sample", where), columns.sample, where)
    end = _end(row)
    found = [last] if columns.text is None else _field(row, columns.text, "text", where)
    if columns.lists:
        found = _list_in_cell(found, columns.text, where)
    texts: list[Text] = list(texts_of(found, where=where, end=end))
    if not texts:
        raise UserError(f"{where}: `{columns.text}` holds no reply")
    for text in texts:
        yield Reply(
            query=query,
            persona=persona,
            index=index if len(texts) == 1 else None,
            text=text.text,
            status=text.status,
            error=text.error,
            **(facts if facts["model"] else {**facts, "model": text.model}),
        )


def _list_in_cell(cell: Any, name: str | None, where: str) -> Any:
    """Return the list of replies that a cell of a table holds. Raises UserError if it is not JSON,
    but Python's or numpy's way of showing a list, which loses what is in it."""
    try:
        return cell if cell is None else json.loads(cell)
    except (TypeError, ValueError, RecursionError):
        raise UserError(
            f"{where}: `{name}` holds a list that is not JSON; write one reply a row, or the list "
            "with json.dumps"
        ) from None


def _own_reply(row: Row, columns: Columns, prompts: Prompts, model: str, *, where: str) -> Reply:
    """Return the reply of a row of our own form."""
    name = row.get("query")
    if isinstance(name, int) and not isinstance(name, bool):
        row = {**row, "query": str(name)}  # ids of data sets may be numbers
    if isinstance(row.get("sample_id"), int):
        row = {**row, "sample_id": str(row["sample_id"])}
    row = {n: value for n, value in row.items() if n in OWN or not is_missing(value)}
    if is_missing(row.get("text")):
        row = {"status": "error", "error": NO_TEXT, **row, "text": ""}
    row = {"status": status_of(_end(row)), **row}
    values = read_model(GenerationRow, row, where=where)
    messages = _messages(row, columns, where)[0] if columns.prompt in row else []
    query, persona = _own_place(row, values, messages, prompts, where=where)
    checked_text(values.text, where=where)
    facts = {**values.model_dump(), "query": query, "persona": persona}
    if columns.sample is not None:
        facts["index"] = _count(_field(row, columns.sample, "sample", where), columns.sample, where)
    if values.status not in TEXT_STATUSES:
        facts["text"] = ""
    if values.status not in ("no_content", "unsupported", "error"):
        facts["error"] = ""
    return Reply(**facts, where=where, model=model)


def _own_place(
    row: Row, values: GenerationRow, messages: Messages, prompts: Prompts, *, where: str
) -> tuple[str, str]:
    """Return (query, persona) of a row of our own form, whose `query` counts before all else."""
    if not isinstance(prompts, PromptMap):
        return prompts.find(
            row, row, messages=messages or _question(values.query, where), where=where
        )
    name, said = values.query, prompts.fields.query
    if said is not None:
        name = look_up(row, said, option="--query-field", where=where)
    query = prompts.known_query(name, where=where)
    texts = [text for role, text in messages if role == "user"][-1:]
    prompts.refuse_another(query, texts, name=name, where=where, said=said is not None)
    persona = values.persona
    if prompts.fields.persona is not None:
        path = prompts.fields.persona
        persona = look_up(row, path, option="--persona-field", where=where)
    return query, prompts.known_persona(persona, where=where)


def _question(query: str, where: str) -> Messages:
    """Return `query` as a prompt. Raises UserError if it is an id."""
    if not any(mark.isspace() for mark in query.strip()) and query.isascii():
        raise UserError(
            f"{where}: `{query[:60]}` is the id of a query, without its prompt; name the suite "
            "with --suite, or the field of the prompt with --prompt-field"
        )
    return [("user", query)]


def _messages(row: Row, columns: Columns, where: str) -> tuple[list[tuple[str, str]], str | None]:
    """Return what the model read, and the reply that ends the chat if no field holds it."""
    if columns.prompt is None:
        return [], None
    value = _field(row, columns.prompt, "prompt", where)
    turns = chat_turns(value)
    number = isinstance(value, int | float) and not isinstance(value, bool)
    if not turns and (isinstance(value, str) or (number and not is_missing(value))):
        turns = [("user", str(value))]
    if not turns:
        raise UserError(
            f"{where}: `{columns.prompt}` holds neither a prompt nor a chat; say which field does "
            "with --prompt-field"
        )
    last = None
    if columns.text is None:
        if turns[-1][0] != "assistant":
            raise UserError(f"{where}: the chat does not end with a reply")
        last = turns.pop()[1] or None
    elif turns[-1][0] == "assistant":
        if turns[-1][1] != _field(row, columns.text, "text", where):
            raise UserError(
                f"{where}: the chat in `{columns.prompt}` ends with another reply than "
                f"`{columns.text}` holds; say which counts with --text-field"
            )
        turns.pop()
    system = system_of(row)
    if system and turns[0][0] != "system":
        turns.insert(0, ("system", system))
    return turns, last


def _field(row: Row, path: str | None, what: str, where: str) -> Any:
    if path is None or path in row:
        return None if path is None else row[path]
    if "." not in path and what in ("temperature", "sample"):
        return None  # some rows do not state it
    return value_at(row, path, option=f"--{what}-field", where=where)


def _model(row: Row, columns: Columns, where: str) -> str:
    if columns.model is None:
        return ""
    value = row.get(columns.model)
    if columns.model not in row and "." in columns.model:
        value = value_at(row, columns.model, option="--model-field", where=where)
    value = _model_name(value)
    if not _is_name(value):
        raise UserError(
            f"{where}: `{columns.model}` names no model ({value!r}); name it, or say which field "
            "does with --model-field"
        )
    return str(value).strip()


def _model_name(value: Any) -> Any:
    """Return what names a model: itself, or the id or name in a record, as promptfoo writes it."""
    return value.get("id", value.get("name")) if isinstance(value, Mapping) else value


def _names_model(value: Any) -> bool:
    return _is_name(_model_name(value))


def _count(value: Any, name: str | None, where: str) -> int | None:
    if value is None or value == "":
        return None
    if not _is_count(value):
        raise UserError(f"{where}: `{name}` is {value!r}, not the number of a sample")
    return int(value)


def _filled(row: Row, text: str | None) -> Row:
    """Return a row of a table without the cells that are empty, since they all have every column,
    but with its text, which may be."""
    return {n: v for n, v in row.items() if n == text or not (is_missing(v) or v == "")}


def _end(row: Row) -> Any:
    return next((row[name] for name in END_KEYS if isinstance(row.get(name), str)), None)


def _asked(value: Any) -> Any:
    """Return what of a prompt is compared: of a chat, what the user says last."""
    said = [text for role, text in chat_turns(value) if role == "user"]
    return said[-1] if said else value


def _holds_prompt(value: Any) -> bool:
    return (isinstance(value, str) and bool(value.strip())) or bool(chat_turns(value))


def _ends_in_reply(value: Any) -> bool:
    return bool(turns := chat_turns(value)) and turns[-1][0] == "assistant"


def _is_name(value: Any) -> bool:
    return isinstance(value, str) and bool(value.strip())


def _is_count(value: Any) -> bool:
    whole = isinstance(value, int) and not isinstance(value, bool) and value >= 0
    return whole or (isinstance(value, str) and value.strip().isdigit())


def _is_given(value: Any) -> bool:
    return not (is_missing(value) or value == "")
