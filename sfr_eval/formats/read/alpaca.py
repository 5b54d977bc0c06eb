"""Alpaca rows and outputs of alpaca_eval: {"instruction", "input"?, "output", "generator"?}."""

import json
from contextlib import suppress
from typing import Any

from sfr_eval.errors import UserError
from sfr_eval.formats.read.mapping import Prompts, chat_turns
from sfr_eval.formats.read.names import TEMPERATURE_NAMES, Row
from sfr_eval.formats.read.reply import (
    TEMPERATURE_WARNING,
    UNSTATED_TEMPERATURE,
    Reading,
    Reply,
    is_missing,
    temperature_of,
    texts_of,
)
from sfr_eval.formats.read.source import Source
from sfr_eval.util.field_names import alpaca_question, system_of

NAME = "alpaca"


def looks_like(source: Source) -> bool:
    """Return whether these are such rows."""
    return {"instruction", "output"} <= set(source.first)


def read(source: Source, prompts: Prompts) -> Reading:
    """Read all outputs. The input belongs to the instruction, and `history` comes before it."""
    replies: list[Reply] = []
    unstated = False
    for where, row in source.rows():
        document = {name: value for name, value in row.items() if name not in ("output", "input")}
        query, persona = prompts.find(row, document, messages=_messages(row, where), where=where)
        stated = next((row[name] for name in TEMPERATURE_NAMES if name in row), None)
        temperature = temperature_of(stated, where=where)
        unstated = unstated or temperature is None
        for text in texts_of(row.get("output"), where=where):
            replies.append(
                Reply(
                    where=where,
                    query=query,
                    persona=persona,
                    temperature=UNSTATED_TEMPERATURE if temperature is None else temperature,
                    text=text.text,
                    status=text.status,
                    error=text.error,
                    model=str(row.get("generator") or row.get("model") or ""),
                )
            )
    if not replies:
        raise UserError(f"{source.file}: has no outputs")
    warnings = [TEMPERATURE_WARNING] if unstated else []
    return Reading(file=source.file, format=NAME, replies=replies, warnings=warnings, sharded=True)


def _messages(row: Row, where: str) -> list[tuple[str, str]]:
    instruction, extra = row["instruction"], row.get("input")
    if not isinstance(instruction, str):
        raise UserError(f"{where}: instruction: {instruction!r} is not a text")
    asked = alpaca_question(instruction, extra if isinstance(extra, str) else None)
    turns = [("system", system)] if (system := system_of(row)) else []
    return [*turns, *_history(row.get("history"), where), ("user", asked)]


def _history(value: Any, where: str) -> list[tuple[str, str]]:
    """Return the turns before the instruction: pairs of texts, or a chat; tables hold either as
    JSON text."""
    if is_missing(value) or value in ("", [], ()):
        return []
    if turns := chat_turns(value):
        return turns
    if isinstance(value, str):
        with suppress(ValueError, RecursionError):
            value = json.loads(value)
    pairs: list[Any] = value if isinstance(value, list) else [None]
    if not all(_is_pair(pair) for pair in pairs):
        raise UserError(f"{where}: history: must be pairs of instruction and reply, or a chat")
    return [turn for pair in pairs for turn in zip(("user", "assistant"), pair, strict=True)]


def _is_pair(value: Any) -> bool:
    return isinstance(value, list) and [type(text) for text in value] == [str, str]
