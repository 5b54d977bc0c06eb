"""What a run is compared with in its own report: reference replies, or the run of a base model."""

from typing import Literal

from pydantic import Field

from sfr_eval.store.manifest import Record

Opponent = Literal["references", "base model"]


class AgainstRow(Record):
    """One metric at one temperature (None: at matched quality): the references, or the base model,
    first; this run second; paired by query, at equal numbers of replies."""

    metric: str = ""
    temperature: float | None = None
    matched: str = ""
    role: str | None = None  # in the primary family; None: exploratory
    headline: bool = False
    first: float | None = None
    second: float | None = None
    delta: float | None = None
    low: float | None = None
    high: float | None = None
    n: int = 0
    p_adjusted: float | None = None
    words: str = ""


class Against(Record):
    """The comparison of one suite, in the words of `compare`."""

    kind: Opponent = "references"
    name: str = ""
    tone: Literal["bad", "good", "unsure", "none"] = "none"
    headline: str = ""
    sentences: tuple[str, ...] = ()
    temperature: float | None = None
    replies: int | None = None  # to each prompt on both sides; None: not the same everywhere
    rows: tuple[AgainstRow, ...] = Field(())
