"""What a reader of foreign files hands over: replies on prompts of the suite, and their origin."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sfr_eval.errors import UserError
from sfr_eval.types import Status

UNKNOWN = "unknown"
UNSTATED_TEMPERATURE = 1.0
"""Taken where a file does not say how it was sampled; said in the report's cautions."""


@dataclass(frozen=True, kw_only=True)
class Reply:
    """One completion, on a prompt of the suite. What the file does not say is None."""

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


@dataclass(frozen=True, kw_only=True)
class Reading:
    """All replies of one file."""

    file: Path
    format: str  # rows, lm-eval or inspect
    replies: Sequence[Reply]
    model: str = ""  # as the file names it
    sampling: Mapping[str, Any] = field(default_factory=dict)  # stated fields, no temperature
    origin: Mapping[str, Any] = field(default_factory=dict)  # what our own export says of its run
    cautions: Sequence[str] = ()
    sharded: bool = False  # may another file hold replies to the same prompts?


def checked_text(text: str, *, where: str) -> str:
    """UserError for half of a surrogate pair, which no file can keep."""
    try:
        text.encode()
    except UnicodeEncodeError:
        raise UserError(
            f"{where}: the text holds half of a surrogate pair, which no file can keep; mend the "
            "file"
        ) from None
    return text
