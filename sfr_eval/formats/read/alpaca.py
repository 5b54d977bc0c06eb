"""Alpaca rows and outputs of alpaca_eval: {"instruction", "input"?, "output", "generator"?}."""

from sfr_eval.errors import UserError
from sfr_eval.formats.read.mapping import Prompts
from sfr_eval.formats.read.names import TEMPERATURE_NAMES, Row
from sfr_eval.formats.read.reply import (
    TEMPERATURE_WARNING,
    UNSTATED_TEMPERATURE,
    Reading,
    Reply,
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
    for pair in row.get("history") or ():
        turns += zip(("user", "assistant"), map(str, pair), strict=False)
    return [*turns, ("user", asked)]
