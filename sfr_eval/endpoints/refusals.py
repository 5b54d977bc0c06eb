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
)
_ORDINARY_WORDS = {"stop"}  # counted only if the server names it as the parameter
LIMIT, NEW_LIMIT = "max_tokens", "max_completion_tokens"


def refused_fields(body: object, sent: Collection[str]) -> list[str]:
    """Return the fields that an error names, in its `param` or else in its message. Understands
    {"error": {"message", "param"}} (OpenAI, vLLM), the same without the outer object (as the client
    unpacks it), and {"detail": ...} (FastAPI)."""
    fields = [field for field in SAMPLING_FIELDS if field in sent]
    error = body.get("error", body) if isinstance(body, Mapping) else body
    if isinstance(error, Mapping):
        param = str(error.get("param") or "").split(".")[0]
        if param in fields:
            return [param]
    text = str(error)
    return [
        field
        for field in fields
        if field not in _ORDINARY_WORDS and re.search(rf"(?<!\w){field}(?!\w)", text)
    ]


def wants_new_limit(body: object, refused: Collection[str]) -> bool:
    """Whether the server asks for `max_completion_tokens` in place of `max_tokens`."""
    return LIMIT in refused and NEW_LIMIT in str(body)


def message_of(body: object, fallback: str) -> str:
    """Return the server's own message in one line."""
    error = body.get("error", body) if isinstance(body, Mapping) else body
    message: Any = error
    if isinstance(error, Mapping):
        message = error.get("message") or error.get("detail") or error
    return " ".join(str(message or fallback).split())[:300]
