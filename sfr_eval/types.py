"""The architecture on one page.

A Prompt (one query asked in one persona) becomes Requests (one for each temperature and sample
index), a Sampler turns Requests into Samples, the store keeps them, a metric turns the Samples of
one prompt or query into Values, and the statistics turn Values into Estimates:

    RunConfig -> plan -> Request -> Sampler -> Sample -> store
              -> metric -> Value -> Estimate -> report

Every module may import this one, which imports none of ours.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol

Status = Literal["ok", "truncated", "refused", "no_content", "unsupported", "error"]
"""ok: ended by itself; truncated: cut at max_tokens; refused: withheld by a content filter;
no_content: a server ended the reply without any, for example after hidden reasoning; unsupported:
the server does not accept a sampling field at this value; error: no text arrived. The last four
have no text."""

TEXT_STATUSES: tuple[Status, ...] = ("ok", "truncated")
"""Statuses of a sample that has a text. An empty answer counts; an error or a refusal does not."""

Unit = Literal["sample", "prompt", "query", "set"]
"""What a metric's value belongs to: one completion, the k completions of one prompt (query x
persona), all personas' completions of one query, or a set of one completion to each of several
queries, which a Value's `query` then names."""

PromptKey = tuple[str, str]
"""(query, persona); the persona is "" in suites without any, and for a value of a whole query."""

Cell = tuple[float, str, str]
"""(temperature, query, persona): a prompt at one temperature, which k samples answer."""


@dataclass(frozen=True, slots=True)
class Message:
    """One turn of a chat."""

    role: Literal["system", "user", "assistant"]
    content: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Prompt:
    """One query asked in one persona: what the model reads, before any template."""

    suite: str
    query: str  # id of the query, shared by all its personas
    persona: str  # id of the persona; "" in suites without personas
    messages: tuple[Message, ...]

    @property
    def id(self) -> str:
        """Unique within the suite: `query/persona`."""
        return f"{self.query}/{self.persona}" if self.persona else self.query


@dataclass(frozen=True, slots=True, kw_only=True)
class Sampling:
    """Every sampling field, always sent and always recorded; `off` values are explicit.

    temperature >= 0 (0 is greedy); top_p in (0, 1], 1 is off; top_k >= 0, 0 is off; min_p in
    [0, 1], 0 is off; presence and frequency penalty 0 and repetition penalty 1 are off.
    """

    temperature: float
    top_p: float = 1.0
    top_k: int = 0
    min_p: float = 0.0
    presence_penalty: float = 0.0
    frequency_penalty: float = 0.0
    repetition_penalty: float = 1.0
    max_tokens: int = 256
    stop: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """Everything that determines one answer. `sample_id` hashes the rest and the model's
    fingerprint, so equal ids mean the same draw, and a changed setting never reuses a row."""

    sample_id: str
    prompt: Prompt
    sampling: Sampling
    index: int  # 0..k-1 within (prompt, temperature)
    seed: int  # 63-bit, one for each sample


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """One completion as stored. Contains nothing that differs between two equal runs (no times)."""

    sample_id: str
    suite: str
    query: str
    persona: str
    temperature: float
    index: int
    seed: int
    status: Status
    text: str  # "" unless the status is ok or truncated
    prompt_tokens: int
    completion_tokens: int
    error: str = ""  # one line; only with status no_content, unsupported or error

    @property
    def has_text(self) -> bool:
        """Whether the model answered."""
        return self.status in TEXT_STATUSES

    @property
    def cell(self) -> Cell:
        """The prompt and temperature that this sample answers."""
        return self.temperature, self.query, self.persona

    @property
    def prompt_key(self) -> PromptKey:
        """The prompt that this sample answers, at whatever temperature."""
        return self.query, self.persona


class Sampler(Protocol):
    """An engine: built once for a run, serves every temperature and suite."""

    def describe(self) -> Mapping[str, Any]:
        """Return what the manifest records: engine, version, dtype, device, effective settings."""

    def sample(self, requests: Iterable[Request]) -> Iterator[Sample]:
        """Yield one Sample for each Request, in the order they finish."""

    def close(self) -> None:
        """Free the engine; safe to call twice."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Value:
    """One value of a metric at its unit; None means undefined, for the given reason."""

    suite: str
    temperature: float
    query: str
    persona: str = ""  # "" for values of a whole query
    sample_id: str = ""  # only for values of one sample
    value: float | None
    reason: str = ""
    standard_error: float | None = None  # of drawing k replies to this prompt, if requested


@dataclass(frozen=True, slots=True, kw_only=True)
class MetricResult:
    """A metric's values and the signature under which they were computed."""

    metric: str
    version: str
    unit: Unit
    higher_is_better: bool | None  # None: neither direction is better (length)
    signature: Mapping[str, Any]  # tokenizer, n, smoothing, references, encoder, ...
    values: Sequence[Value]
    notes: Mapping[str, Any] = field(default_factory=dict)  # e.g. probe accuracy, chance
    range: tuple[float, float] | None = None  # of all possible values; intervals stay within
    outcomes: bool = False  # values are means of outcomes, so intervals are those of shares
    ceiling: float | None = None  # of a curve over k: outcomes from 0 to this, BCa from 50 queries


@dataclass(frozen=True, slots=True, kw_only=True)
class Estimate:
    """A number with its interval, counts and the signature of its metric."""

    metric: str
    version: str
    suite: str
    temperature: float
    persona: str  # "" for all personas together
    value: float | None
    low: float | None
    high: float | None
    method: str  # of the interval
    n: int  # independent units (queries) behind the interval
    k: int  # samples for each prompt
    undefined: int  # units whose value was None
    higher_is_better: bool | None
    reason: str = ""
    signature: str = ""  # `metric|version:1|tokenizer:words-v1|...`; equal if measured alike
    standard_error: float | None = None  # of the value, over units; None where there is no interval


@dataclass(frozen=True, slots=True, kw_only=True)
class SliceEstimate(Estimate):
    """An estimate over one group of the queries: `by` difficulty, the `group` easy."""

    by: str
    group: str
