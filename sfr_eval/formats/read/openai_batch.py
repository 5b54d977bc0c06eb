"""Results of OpenAI's batch interface, and of the servers that copy it: a line a request.

The prompts stand in the file of requests: named beside the results, or found in their folder. Where
there is none, `custom_id` must name a query of the suite.
"""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from sfr_eval.errors import UserError
from sfr_eval.formats.read.mapping import PromptMap, Prompts, chat_turns, content_text
from sfr_eval.formats.read.names import Row, part_of
from sfr_eval.formats.read.reply import (
    TEMPERATURE_WARNING,
    UNSTATED_TEMPERATURE,
    Reading,
    Reply,
    temperature_of,
    texts_of,
)
from sfr_eval.formats.read.source import Source, open_source

NAME = "openai-batch"
_NUMBER = re.compile(r"[-_:/#.|]\d+$")
"""What tells the requests for one prompt apart: `q1-0`, `q1-1`."""
_SAMPLING = {
    "top_p": "top_p",
    "top_k": "top_k",
    "min_p": "min_p",
    "presence_penalty": "presence_penalty",
    "frequency_penalty": "frequency_penalty",
    "max_tokens": "max_tokens",
    "max_completion_tokens": "max_tokens",
    "max_output_tokens": "max_tokens",
    "stop": "stop",
}


def looks_like(source: Source) -> bool:
    """Return whether these are results."""
    return {"custom_id", "response"} <= set(source.first)


def is_requests(source: Source) -> bool:
    """Return whether these are requests, not results."""
    first = source.first
    return "custom_id" in first and "response" not in first and _is_body(first.get("body"))


def read(source: Source, prompts: Prompts, requests: Mapping[str, Row] | None = None) -> Reading:
    """Read all replies. `requests` are those that were named beside the results, by custom_id."""
    asked = requests_beside(source) if requests is None else requests
    replies: list[Reply] = []
    settings: list[dict[str, Any]] = []
    answered: set[str] = set()
    unstated = False
    seen: set[str] = set()
    for where, row in source.rows():
        custom = str(row.get("custom_id"))
        if (said := json.dumps([custom, row.get("response")], sort_keys=True)) in seen:
            raise UserError(
                f"{where}: the result of `{custom}` is there before: rows are doubled; remove one"
            )
        seen.add(said)
        answered.add(custom)
        body = asked.get(custom, {})
        settings.append({ours: body[name] for name, ours in _SAMPLING.items() if name in body})
        temperature = temperature_of(body.get("temperature"), where=where)
        unstated = unstated or temperature is None
        query, persona = _place(row, body, prompts, where=where)
        facts = {
            "where": where,
            "query": query,
            "persona": persona,
            "temperature": UNSTATED_TEMPERATURE if temperature is None else temperature,
        }
        replies += _replies(row, body, facts, where=where)
    if not replies:
        raise UserError(f"{source.file}: has no results")
    models = {reply.model for reply in replies} - {""}
    if len(models) == 1:  # a request that failed names none
        replies = [replace(reply, model=min(models)) for reply in replies]
    alike = all(each == settings[0] for each in settings)
    warnings = [TEMPERATURE_WARNING] if unstated else []
    if lacking := set(asked) - answered:
        warnings.append(
            f"{len(lacking):,} of the {len(asked):,} requests have no result in "
            f"{source.file.name}, such as `{min(lacking)}`; those that failed may be in a file of "
            "errors."
        )
    if not alike:
        warnings.append("Requests of one file have different sampling settings.")
    return Reading(
        file=source.file,
        format=NAME,
        replies=replies,
        sampling=settings[0] if alike else {},
        warnings=warnings,
        sharded=True,
    )


def requests_of(source: Source) -> dict[str, Row]:
    """Return the bodies of a file of requests by custom_id."""
    bodies: dict[str, Row] = {}
    for where, row in source.rows():
        if "custom_id" not in row:
            continue
        custom, body = str(row["custom_id"]), part_of(row, "body")
        if bodies.setdefault(custom, body) != body:
            raise UserError(f"{where}: `{custom}` is another request before; repair the ids")
    return bodies


def requests_beside(source: Source) -> dict[str, Row]:
    """Return the requests in the folder of the results that have all their ids; {} if there are
    none. Raises UserError if several files have."""
    ids = {str(row.get("custom_id")) for _, row in source.rows()}
    matches: dict[Path, dict[str, Row]] = {}
    for file in sorted(source.file.absolute().parent.glob("*.jsonl")):
        if file.name == source.file.name:
            continue
        try:
            other = open_source(file)
            if is_requests(other) and ids <= set(bodies := requests_of(other)):
                matches[file] = bodies
        except UserError:  # another file, which has nothing to do with this one
            continue
    if len(matches) > 1:
        shown = " and ".join(file.name for file in matches)
        raise UserError(f"{source.file}: {shown} both hold its requests; name one beside it")
    return next(iter(matches.values()), {})


def _is_body(body: Any) -> bool:
    return isinstance(body, Mapping) and any(n in body for n in ("messages", "prompt", "input"))


def _place(row: Row, body: Row, prompts: Prompts, *, where: str) -> tuple[str, str]:
    custom = str(row.get("custom_id"))
    name = custom
    if isinstance(prompts, PromptMap) and prompts.query_named(name) is None:
        name = _NUMBER.sub("", custom)
    messages = _messages(body)
    if not messages and prompts.made:
        raise UserError(
            f"{where}: has no prompt, and no file of requests with `{custom}` is in the folder; "
            "name it after the results, or name the suite with --suite"
        )
    # An id of its own for each request names no query where queries are made of the prompts.
    names = () if prompts.made else (name,)
    whole = {**row, "body": body}
    about = part_of(body, "metadata")
    return prompts.find(whole, about, messages=messages, where=where, names=names)


def _messages(body: Row) -> list[tuple[str, str]]:
    turns = chat_turns(body.get("messages")) or chat_turns(body.get("input"))
    asked = next((body[n] for n in ("prompt", "input") if isinstance(body.get(n), str)), None)
    if not turns and asked is not None:
        turns = [("user", asked)]
    system = body.get("instructions")
    return [("system", system), *turns] if isinstance(system, str) and turns else turns


def _replies(row: Row, body: Row, facts: dict[str, Any], *, where: str) -> Iterator[Reply]:
    response = part_of(row, "response")
    answer = part_of(response, "body")
    facts["model"] = str(body.get("model") or answer.get("model") or "")
    error = row.get("error") or answer.get("error")
    choices = answer.get("choices") or _outputs(answer)
    if error or not choices:
        code = response.get("status_code")
        said = error.get("message") if isinstance(error, Mapping) else error
        why = said or (f"status {code}" if code else "no reply")
        yield Reply(**facts, status="error", text="", error=" ".join(str(why).split())[:500])
        return
    usage = part_of(answer, "usage")
    tokens = usage.get("completion_tokens", usage.get("output_tokens"))
    if len(choices) == 1 and isinstance(tokens, int):
        facts["completion_tokens"] = tokens
    for choice in choices:
        for text in texts_of(choice, where=where):
            yield Reply(**facts, status=text.status, text=text.text, error=text.error)


def _outputs(answer: Row) -> Sequence[Any]:
    """Return the replies of the responses interface as choices."""
    outputs = answer.get("output")
    if not isinstance(outputs, list):
        return ()
    cut = answer.get("status") == "incomplete"
    texts = [
        content_text(item.get("content"))
        for item in outputs
        if isinstance(item, Mapping) and item.get("type", "message") == "message"
    ]
    return [{"text": text, "finish_reason": "length" if cut else "stop"} for text in texts]
