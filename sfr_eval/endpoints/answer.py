"""What a server's response says: the text of a chat completion, or why there is none."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

_NOT_A_COMPLETION = "the response is not a chat completion"


class CutResponse(Exception):
    """HTTP 200 with something that is not complete JSON."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """The result of one request, exactly one for each `ask`. answered: `text` is what the model
    wrote; refused: the provider withheld it; unsupported: the server does not take a sampling field
    at this value; failed: no answer came."""

    outcome: Literal["answered", "refused", "unsupported", "failed"]
    text: str = ""
    finish_reason: str | None = None
    prompt_tokens: int = 0
    completion_tokens: int = 0
    served: str = ""  # what the server calls the model that answered
    error: str = ""


def read_completion(content: bytes, *, key: str) -> Answer:
    """Return the answer in the body of a response. Raises CutResponse if it is not whole JSON."""
    try:
        reply = json.loads(content)
    except (ValueError, RecursionError):
        raise CutResponse from None
    try:
        choice = reply["choices"][0]
        message = choice["message"]
        text, refusal = message.get("content"), message.get("refusal")
        finish = choice.get("finish_reason")
        usage, model = reply.get("usage"), reply.get("model")
    except (KeyError, IndexError, TypeError, AttributeError):
        return Answer(outcome="failed", error=_NOT_A_COMPLETION)
    if not isinstance(text, str | None) or not isinstance(finish, str | None):
        return Answer(outcome="failed", error=_NOT_A_COMPLETION)
    return Answer(
        outcome="refused" if refusal or finish == "content_filter" else "answered",
        text=without_key(_whole_characters(text or ""), key=key),
        finish_reason=finish,
        prompt_tokens=_count(usage, "prompt_tokens"),
        completion_tokens=_count(usage, "completion_tokens"),
        served=without_key(str(model or ""), key=key)[:200],
        error=without_key(_whole_characters(str(refusal or "")), key=key)[:300],
    )


def without_key(text: str, *, key: str) -> str:
    """Return the text without our key, which some servers repeat in their responses."""
    return text.replace(key, "[key]") if len(key) >= 8 else text


def _count(usage: object, name: str) -> int:
    value = usage.get(name) if isinstance(usage, Mapping) else None
    return value if isinstance(value, int) and value > 0 else 0


def _whole_characters(text: str) -> str:
    """JSON can carry half of a surrogate pair, which no UTF-8 file can store."""
    return text.encode("utf-8", "replace").decode() if not text.isascii() else text
