"""promptfoo's export (`promptfoo eval -o results.json`, `promptfoo export eval`)."""

from collections import defaultdict
from collections.abc import Mapping
from typing import Any

from sfr_eval.errors import UserError
from sfr_eval.formats.read.mapping import Prompts, messages_of
from sfr_eval.formats.read.names import Row, part_of
from sfr_eval.formats.read.reply import (
    TEMPERATURE_WARNING,
    UNSTATED_TEMPERATURE,
    Reading,
    Reply,
    checked_text,
    temperature_of,
)
from sfr_eval.formats.read.source import Source
from sfr_eval.types import Cell, Status

NAME = "promptfoo"


def looks_like(source: Source) -> bool:
    """Return whether this is such an export, in JSON or as lines."""
    if source.kind == "lines":
        prompt = source.first.get("prompt")
        return isinstance(prompt, Mapping) and "raw" in prompt and "provider" in source.first
    rows = _rows(source.document)
    return bool(rows) and isinstance(rows[0], Mapping) and {"prompt", "provider"} <= set(rows[0])


def read(source: Source, prompts: Prompts) -> Reading:
    """Read all outputs: prompts as they were sent, and the provider as the model. Raises UserError
    for several outputs for one prompt of which one was taken from a cache: they are copies."""
    replies: list[Reply] = []
    caches: dict[tuple[str, Cell], list[bool]] = defaultdict(list)
    unstated = False
    rows = (
        source.rows()
        if source.kind == "lines"
        else (
            (f"{source.file}: result {n}", row) for n, row in enumerate(_rows(source.document), 1)
        )
    )
    for where, row in rows:
        if not isinstance(row, Mapping):
            raise UserError(f"{where}: is not a record")
        temperature = temperature_of(_temperature(row), where=where)
        unstated = unstated or temperature is None
        reply = _reply(row, prompts, temperature, where=where)
        replies.append(reply)
        cached = caches[reply.model, reply.cell]
        cached.append(_is_cached(row))
        if len(cached) > 1 and any(cached):
            raise UserError(
                f"{where}: one of the outputs for this prompt was read from promptfoo's cache, and "
                "is a copy of an earlier one; evaluate again with --no-cache"
            )
    if not replies:
        raise UserError(f"{source.file}: has no results")
    return Reading(
        file=source.file,
        format=NAME,
        replies=replies,
        warnings=[TEMPERATURE_WARNING] if unstated else [],
    )


def _rows(document: Any) -> list[Any]:
    """Return the results of an export: of `results.results` (from version 2 on), or a table's
    outputs."""
    results = document.get("results") if isinstance(document, Mapping) else None
    if isinstance(results, Mapping):
        results = results.get("results") or results.get("outputs")
    return results if isinstance(results, list) else []


def _reply(row: Row, prompts: Prompts, temperature: float | None, *, where: str) -> Reply:
    prompt = row["prompt"]
    raw = prompt.get("raw") if isinstance(prompt, Mapping) else prompt
    if not isinstance(raw, str):
        raise UserError(f"{where}: prompt.raw: missing; export it with its prompts")
    messages = [(role or "user", text) for role, text in messages_of(raw)]
    about = {**part_of(row, "vars"), **part_of(part_of(row, "testCase"), "metadata")}
    query, persona = prompts.find(row, about, messages=messages, where=where)
    response = part_of(row, "response")
    output = response.get("output", row.get("output"))
    why = response.get("error") or (row.get("error") if output is None else None)
    text = output if isinstance(output, str) and not why else None
    if output is not None and text is None and not why:
        raise UserError(f"{where}: response.output is {type(output).__name__}, not a text")
    status: Status = "error" if text is None else "ok"
    return Reply(
        where=where,
        query=query,
        persona=persona,
        temperature=UNSTATED_TEMPERATURE if temperature is None else temperature,
        text="" if text is None else checked_text(text, where=where),
        status=status,
        error="" if text is not None else " ".join(str(why or "no output").split())[:500],
        model=_provider(row.get("provider")),
    )


def _is_cached(row: Row) -> bool:
    return part_of(row, "response").get("cached") is True


def _provider(provider: Any) -> str:
    if isinstance(provider, Mapping):
        return str(provider.get("label") or provider.get("id") or "")
    return provider if isinstance(provider, str) else ""


def _temperature(row: Row) -> Any:
    """Return the temperature of a provider's settings, if the export has them."""
    return part_of(part_of(row, "provider"), "config").get("temperature")
