"""What a server's response says: the text of a chat completion, or why there is none."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from sfr_eval.endpoints.finish import Ended, how_it_ended
from sfr_eval.endpoints.refusals import message_of, words
from sfr_eval.util.untrusted import whole_text

_NOT_A_COMPLETION = "the response is not a chat completion"
_MOST_TOKENS = 2**31 - 1  # of a column of samples.parquet
_REASONING = ("reasoning_content", "reasoning", "thinking", "reasoning_details")


class CutResponse(Exception):
    """HTTP 200 with something that is not complete JSON; says what it is."""


class ProviderError(Exception):
    """HTTP 200 with an error in place of a completion. `status` is that of the error inside."""

    def __init__(self, problem: str, status: int | None) -> None:
        super().__init__(problem)
        self.status = status


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """The result of one request, exactly one for each `ask`. answered: `text` is what the model
    wrote; refused: the provider withheld it; no_content: the reply ended without any text, for
    example after hidden reasoning; unsupported: the server does not take a sampling field at this
    value; failed: no answer came. Whatever the server said, its texts are whole characters and its
    counts fit a column, so that each answer can be stored."""

    outcome: Literal["answered", "refused", "no_content", "unsupported", "failed"]
    text: str = ""
    finish_reason: str | None = None  # as the server spells it
    prompt_tokens: int = 0
    completion_tokens: int = 0
    served: str = ""  # what the server calls the model that answered
    error: str = ""

    def __post_init__(self) -> None:
        for name, limit in (("text", None), ("finish_reason", 80), ("served", 200), ("error", 500)):
            value = getattr(self, name)
            if value:
                object.__setattr__(self, name, whole_text(value[:limit]))
        for name in ("prompt_tokens", "completion_tokens"):
            object.__setattr__(self, name, max(0, min(int(getattr(self, name)), _MOST_TOKENS)))

    @property
    def ended(self) -> Ended:
        """What the finish reason means."""
        return how_it_ended(self.finish_reason)


def read_completion(response: bytes, *, key: str) -> Answer:
    """Return the answer in the body of a response. Raises CutResponse if it is not whole JSON, and
    ProviderError if it is an error of the provider."""
    try:
        reply = json.loads(response)
    except RecursionError:
        raise CutResponse("nested too deeply") from None
    except ValueError:
        start = words(response[:4_000].decode(errors="replace"))
        if start and start[0] not in "{[":  # a page of a proxy, or of another address
            raise CutResponse(f"not JSON but: {without_key(start, key=key)[:100]}") from None
        raise CutResponse("incomplete (cut JSON)") from None
    return _read(reply, key=key)


def _read(reply: Any, *, key: str) -> Answer:
    """Return the answer in the JSON of a response."""
    choice = _choice(reply, key=key)
    message = choice.get("message")
    finish = choice.get("finish_reason")
    if not isinstance(message, Mapping) or not isinstance(finish, str | None):
        return Answer(outcome="failed", error=_NOT_A_COMPLETION)
    try:
        content = message.get("content")
        text, refusal = _text(content), message.get("refusal") or _refusal(content)
    except ValueError:
        return Answer(outcome="failed", error=_NOT_A_COMPLETION)
    ended, usage = how_it_ended(finish), reply.get("usage")
    tokens = _count(usage, "completion_tokens")
    withheld = bool(refusal) or ended == "content_filter"
    nothing = not text and ended in ("stop", "unknown") and not _ended_at_once(message, usage)
    return Answer(
        outcome="refused" if withheld else "no_content" if nothing else "answered",
        text=without_key(text or "", key=key),
        finish_reason=finish,
        prompt_tokens=_count(usage, "prompt_tokens"),
        completion_tokens=tokens,
        served=without_key(words(reply.get("model") or ""), key=key),
        error=without_key(words(refusal or ""), key=key)[:300]
        or ("no content" + _only_reasoning(message) if nothing and not withheld else ""),
    )


def _choice(reply: Any, *, key: str) -> Mapping[str, Any]:
    """Return the first choice of a completion. Raises ProviderError, with the provider's own words,
    if there is none or if it holds an error."""
    choices = reply.get("choices") if isinstance(reply, Mapping) else None
    first = choices[0] if isinstance(choices, list) and choices else None
    if isinstance(first, Mapping) and not first.get("error"):
        return first
    source = first if isinstance(first, Mapping) else reply
    stated = stated_error(source)
    if stated is None:
        shown = "" if not isinstance(reply, Mapping) else f": {without_key(words(reply), key=key)}"
        raise ProviderError(f"{_NOT_A_COMPLETION}{shown[:200]}", None)
    status, problem = stated
    code = f" {status}" if status else ""
    raise ProviderError(without_key(f"error{code} in HTTP 200: {problem}", key=key), status)


def stated_error(source: Any) -> tuple[int | None, str] | None:
    """Return the (HTTP status, message) of an error object, or None if there is none. Understands
    `error` as an object or a text, `detail`, `message` and `status_msg`, beside a `code`, `status`
    or `type`, all of them at the top or one level down."""
    if not isinstance(source, Mapping):
        return None
    inner = [source[name] for name in ("error", "base_resp", "detail") if source.get(name)]
    error = inner[0] if inner else source
    if not isinstance(error, Mapping):
        return _status_of(source), words(error)
    if not any(error.get(name) for name in ("message", "msg", "status_msg", "detail", "code")):
        return None
    return _status_of(error) or _status_of(source), message_of(error, words(error))


_KINDS = {
    429: ("rate_limit", "ratelimit", "too_many", "resource_exhausted", "throttl", "quota_exceeded"),
    503: ("overload", "unavailable", "capacity", "busy", "timeout", "deadline_exceeded"),
    500: ("server_error", "internal", "api_error", "upstream"),
    401: ("authentication", "invalid_api_key", "unauthorized", "unauthenticated"),
    402: ("insufficient_quota", "insufficient_balance", "billing"),
    403: ("permission", "forbidden"),
    404: ("not_found",),
}


def _status_of(error: Mapping[str, Any]) -> int | None:
    """Return the HTTP status that an error states as a number or in a word."""
    values = [error.get(name) for name in ("code", "status", "status_code", "type")]
    for value in values:
        if re.fullmatch("[45][0-9][0-9]", str(value) if isinstance(value, int | str) else ""):
            return int(value)
    for word in (value[:80].lower() for value in values if isinstance(value, str)):
        for status, kinds in _KINDS.items():
            if any(kind in word for kind in kinds):
                return status
    return None


def _text(content: Any) -> str | None:
    """Return the text of a message: a string, or the text parts of a list, joined. Parts that are
    thinking or no text are left out. Raises ValueError for anything else."""
    if content is None or isinstance(content, str):
        return content
    if not isinstance(content, list):
        raise ValueError
    texts = []
    for part in content:
        if isinstance(part, Mapping) and part.get("type", "text") in ("text", "output_text"):
            part = part.get("text") or ""
        elif isinstance(part, Mapping) and "type" in part:
            continue
        if not isinstance(part, str):
            raise ValueError
        texts.append(part)
    return "".join(texts)


def _refusal(content: Any) -> str:
    """Return what the refusals among the parts of a message say."""
    parts = content if isinstance(content, list) else []
    refusals = [p for p in parts if isinstance(p, Mapping) and p.get("type") == "refusal"]
    return " ".join(words(part.get("refusal") or "refused") for part in refusals[:8])


def _ended_at_once(message: Mapping[str, Any], usage: object) -> bool:
    """Whether an empty text is the model's own reply: by the server's count, its first token was
    the end."""
    counted = isinstance(usage, Mapping) and usage.get("completion_tokens") in (0, 1)
    wrote = counted and _count(usage, "prompt_tokens") > 0
    return message.get("content") == "" and wrote and not _only_reasoning(message)


def _only_reasoning(message: Mapping[str, Any]) -> str:
    parts = message.get("content")
    thought = any(message.get(name) for name in _REASONING) or bool(parts)
    return ", only reasoning" if thought else ""


def without_key(text: str, *, key: str) -> str:
    """Return the text without our key, which some servers repeat in their responses."""
    return text.replace(key, "[key]") if len(key) >= 8 else text


def _count(usage: object, name: str) -> int:
    value = usage.get(name) if isinstance(usage, Mapping) else None
    return value if isinstance(value, int) and value > 0 else 0
