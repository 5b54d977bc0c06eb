"""Replies to prompts of a suite, and their origin, as the readers of foreign files return them."""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from sfr_eval.endpoints.finish import Ended, how_it_ended
from sfr_eval.errors import UserError
from sfr_eval.formats.read.names import MODEL_NAMES
from sfr_eval.store.given import Given
from sfr_eval.types import TEXT_STATUSES, Cell, Sample, Status

UNKNOWN = "unknown"
UNSTATED_TEMPERATURE = 1.0
"""Assumed if a file does not say how it was sampled; the report warns of it."""
TEMPERATURE_WARNING = "The file does not state a temperature; it is taken as 1."
NO_TEXT = "no text in the file"

_ENDS: Mapping[Ended, Status] = {
    "length": "truncated",
    "content_filter": "refused",
    "error": "error",
}
"""What a reply is that did not end by itself."""
_TEXT_KEYS = (
    "text", "content", "message", "generated_text", "output", "response", "value", "answer",
    "choices",
)  # fmt: skip
"""Where the text is in a record that stands for a reply."""
END_KEYS = ("finish_reason", "stop_reason")


@dataclass(frozen=True, kw_only=True)
class Reply:
    """One completion for a prompt of the suite. What the file does not state is None."""

    where: str  # file:line, for errors
    query: str
    persona: str
    temperature: float
    status: Status
    text: str  # "" unless status is ok or truncated
    error: str = ""
    index: int | None = None
    sample_id: str | None = None
    seed: int | None = None
    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    model: str = ""  # where one file holds replies of several models
    group: int | None = None  # class of equal answers that the file gives; with an index
    score: float | None = None  # that the file gives; with an index

    @property
    def cell(self) -> Cell:
        """The prompt and temperature that this reply answers."""
        return self.temperature, self.query, self.persona


@dataclass(frozen=True, kw_only=True)
class Reading:
    """All replies of one file."""

    file: Path
    format: str  # the name of its reader
    replies: Sequence[Reply]
    model: str = ""  # the file's name for it
    sampling: Mapping[str, Any] = field(default_factory=dict)  # stated fields, no temperature
    origin: Mapping[str, Any] = field(default_factory=dict)  # from our own export: facts of its run
    warnings: Sequence[str] = ()
    sharded: bool = False  # other files may hold replies to the same prompts


def given_of(replies: Sequence[Reply], samples: Sequence[Sample]) -> list[Given]:
    """Return what the files say of the samples beside their text, in their order."""
    said = {
        (reply.cell, reply.index): reply
        for reply in replies
        if reply.group is not None or reply.score is not None
    }
    return [
        Given(sample_id=sample.sample_id, group=reply.group, score=reply.score)
        for sample in samples
        if (reply := said.get((sample.cell, sample.index))) is not None
    ]


@dataclass(frozen=True)
class Text:
    """The text of a reply as a field holds it, and how it ended."""

    text: str
    status: Status = "ok"
    error: str = ""
    model: str = ""  # that the record around it names


def status_of(end: Any) -> Status:
    """Return what a reply is that ended for this reason, in the spelling of any server."""
    return _ENDS.get(how_it_ended(end), "ok") if isinstance(end, str) else "ok"


def texts_of(value: Any, *, where: str, end: Any = None) -> Iterator[Text]:
    """Yield the replies in a field: a text, a record that holds one, or a list of either. A value
    that is missing (null, NaN) is a failed reply, not an empty one. `end` says why all of them
    ended. Raises UserError for a number, or for a record without a text."""
    if is_missing(value):
        yield Text("", "error", NO_TEXT)
    elif isinstance(value, str):
        status = status_of(end)
        text = checked_text(value, where=where) if status in TEXT_STATUSES else ""
        yield Text(text, status, f"ended by `{end}`" if status == "error" else "")
    elif isinstance(value, Mapping):
        key = next((key for key in _TEXT_KEYS if key in value), None)
        if key is None:
            raise UserError(f"{where}: a reply without a text (fields: {', '.join(value)[:80]})")
        stated = next((value[name] for name in END_KEYS if value.get(name)), end)
        inner = value[key]
        if key == "content" and isinstance(inner, Sequence) and not isinstance(inner, str):
            parts = [part for part in inner if isinstance(part, Mapping) and "text" in part]
            inner = "".join(str(part["text"]) for part in parts)
        named = next((value[n] for n in MODEL_NAMES if isinstance(value.get(n), str)), "")
        for reply in texts_of(inner, where=where, end=stated):
            yield replace(reply, model=reply.model or named.strip())
    elif isinstance(value, Sequence):
        if value and all(isinstance(part, Mapping) and "role" in part for part in value):
            value = [part for part in value if part["role"] == "assistant"][-1:]
        for part in value:
            yield from texts_of(part, where=where, end=end)
    else:
        raise UserError(f"{where}: the reply is {value!r}, not a text; put texts in quotes")


def is_missing(value: Any) -> bool:
    """Return whether a field holds nothing: null, or NaN as tables write it."""
    return value is None or (isinstance(value, float) and math.isnan(value))


def holds_text(value: Any) -> bool:
    """Return whether a field may hold a reply: a text, a record that holds one, a list of those."""
    if isinstance(value, Mapping):
        return any(holds_text(value[key]) for key in _TEXT_KEYS if key in value)
    if isinstance(value, Sequence) and not isinstance(value, str):
        return bool(value) and all(part is None or holds_text(part) for part in value)
    return isinstance(value, str)


def temperature_of(value: Any, *, where: str) -> float | None:
    """Return a temperature from a field of any type; None if it is not stated."""
    if value is None or value == "" or isinstance(value, bool):
        return None
    try:
        number = float(value)
    except (TypeError, ValueError):
        raise UserError(f"{where}: temperature {value!r} is not a number") from None
    if math.isnan(number):
        return None
    if not 0 <= number < math.inf:
        raise UserError(f"{where}: temperature {value!r} must be 0 or more")
    return round(number, 6)  # 0.1 in 32 bits is 0.10000000149


def checked_text(text: str, *, where: str, what: str = "text") -> str:
    """Return the text. Raises UserError for half of a surrogate pair."""
    try:
        text.encode()
    except UnicodeEncodeError:
        raise UserError(
            f"{where}: the {what} holds half of a surrogate pair, which no file can keep; repair "
            "the file"
        ) from None
    return text
