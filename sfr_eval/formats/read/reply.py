"""Replies to prompts of a suite, and their origin, as the readers of foreign files return them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sfr_eval.errors import UserError
from sfr_eval.store.given import Given
from sfr_eval.types import Cell, Sample, Status

UNKNOWN = "unknown"
UNSTATED_TEMPERATURE = 1.0
"""Assumed if a file does not say how it was sampled; the report warns of it."""


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
    format: str  # rows, lm-eval or inspect
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


def checked_text(text: str, *, where: str) -> str:
    """Return the text. Raises UserError for half of a surrogate pair."""
    try:
        text.encode()
    except UnicodeEncodeError:
        raise UserError(
            f"{where}: the text holds half of a surrogate pair, which no file can keep; repair the "
            "file"
        ) from None
    return text
