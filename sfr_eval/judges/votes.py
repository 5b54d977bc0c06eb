"""Judgements as they are stored and measured. Nothing here knows a server."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, NamedTuple

from sfr_eval.judges.error_rates import JudgeErrors
from sfr_eval.store.manifest import JudgingRecord

JudgementStatus = Literal["ok", "unparsed", "refused", "unsupported", "error"]
"""ok: a score; unparsed: an answer in another form than was asked for; refused: withheld by the
judge or its provider; unsupported: the server does not accept a field; error: no answer came."""


class JudgementKey(NamedTuple):
    """What one judge is asked once."""

    axis: str
    sample_id: str
    other_id: str
    vote: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Judgement:
    """One vote of one judge on one case, as stored."""

    judgement_id: str  # hash of everything that decides the answer
    sample_id: str
    other_id: str  # pairs: the reply shown second; else ""
    axis: str
    rubric: str  # hash of the judge file
    judge: str  # model@host
    vote: int
    status: JudgementStatus
    score: float | None  # 1 to 5; pairs: 1 the first is better, 0 the second, 0.5 tie
    prompt_tokens: int
    completion_tokens: int
    error: str = ""  # one line: what went wrong, or the start of what could not be read

    @property
    def key(self) -> JudgementKey:
        """What the judge was asked."""
        return JudgementKey(self.axis, self.sample_id, self.other_id, self.vote)


@dataclass(frozen=True, kw_only=True)
class Judged:
    """The judgements that count for a run, by the record in its manifest."""

    judgements: Sequence[Judgement]
    record: JudgingRecord
    errors: Mapping[str, JudgeErrors] = field(default_factory=dict)  # axis -> measured errors
