"""What a server means by HTTP 400: which field of the request it does not take."""

import re
from collections.abc import Collection, Mapping
from typing import Any

SAMPLING_FIELDS = (
    "temperature",
    "top_p",
    "top_k",
    "min_p",
    "presence_penalty",
    "frequency_penalty",
    "repetition_penalty",
    "seed",
    "stop",
    "max_tokens",
    "max_completion_tokens",
    "response_format",
    "chat_template_kwargs",
)
_ORDINARY_WORDS = {"stop"}  # counted only if the server names it as the parameter
_WITHHELD = ("content_filter", "content_policy", "contentfilter", "moderation", "flagged_input")
_MOST_CHARACTERS = 4_000  # of an error that are read
_FINAL = (401, 402, 403, 404, 405)
LIMIT, NEW_LIMIT = "max_tokens", "max_completion_tokens"


def refused_fields(body: object, sent: Collection[str]) -> list[str]:
    """Return the fields that an error names, in its `param` or else in its message. Understands
    {"error": {"message", "param"}} (OpenAI, vLLM), the same without the outer object (as the client
    unpacks it), and {"detail": ...} (FastAPI)."""
    fields = [field for field in SAMPLING_FIELDS if field in sent]
    error = body.get("error", body) if isinstance(body, Mapping) else body
    if isinstance(error, Mapping):
        param = words(error.get("param") or "").split(".")[0]
        if param in fields:
            return [param]
    text = words(error)
    return [
        field
        for field in fields
        if field not in _ORDINARY_WORDS and re.search(rf"(?<!\w){field}(?!\w)", text)
    ]


def wants_new_limit(body: object, refused: Collection[str]) -> bool:
    """Whether the server asks for `max_completion_tokens` in place of `max_tokens`."""
    return LIMIT in refused and NEW_LIMIT in words(body)


def withheld(body: object, status: int) -> bool:
    """Whether an HTTP error says that a content filter took offence at this one prompt."""
    if status not in (400, 403, 422):
        return False
    error = body.get("error", body) if isinstance(body, Mapping) else body
    if not isinstance(error, Mapping):
        return False
    metadata = error.get("metadata")
    names = [error.get("code"), error.get("type")]
    names += list(metadata)[:100] if isinstance(metadata, Mapping | list) else []
    return any(kind in words(name).lower() for name in names for kind in _WITHHELD)


def is_final(status: int | None, code: object = None) -> bool:
    """Whether no other request can succeed either: no access, no money, no such model or page. A
    used-up quota arrives as 429, but waiting does not help."""
    return status in _FINAL or code == "insufficient_quota"


def message_of(body: object, fallback: str) -> str:
    """Return the server's own message in one line."""
    error = body.get("error", body) if isinstance(body, Mapping) else body
    message: Any = error
    if isinstance(error, Mapping):
        names = ("message", "detail", "msg", "status_msg")
        message = next((error[name] for name in names if error.get(name)), error)
    return words(message or fallback)


def words(value: object) -> str:
    """Return what a server said in one line of bounded length, whatever kind of JSON it is."""
    try:
        shown = value if isinstance(value, str) else str(value)
    except RecursionError:
        return "nested too deeply"
    return " ".join(shown[:_MOST_CHARACTERS].split())
