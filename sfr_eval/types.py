"""The architecture on one page.

A Prompt (one query asked in one persona) becomes Requests (one for each temperature and sample
index), a Sampler turns Requests into Samples, the store keeps them, a Metric turns the Samples of
one prompt or query into Values, and the statistics turn Values into Estimates:

    RunConfig -> plan -> Request -> Sampler -> Sample -> store
              -> Metric -> Value -> Estimate -> report

Everybody may import this page. It imports nothing of ours.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol

Status = Literal["ok", "truncated", "refused", "unsupported", "error"]
"""ok: ended by itself; truncated: cut at max_tokens; refused: withheld by a content filter;
unsupported: a server does not take a sampling field at this value; error: no text came. None of
the last three ever becomes text."""

Unit = Literal["sample", "prompt", "query", "set"]
"""What a metric's value belongs to: one completion, the k completions of one prompt (query x
persona), all personas' completions of one query, or a set of one completion each to several
queries (a Value's `query` then names the set)."""


@dataclass(frozen=True, slots=True)
class Message:
    """One turn of a chat."""

    role: Literal["system", "user", "assistant"]
    content: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Prompt:
    """One query put to one persona: what the model reads, before any template."""

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
    """All that decides one answer. `sample_id` is the hash of the rest and of the model's
    fingerprint, so equal ids mean the same draw and a changed setting can never reuse a row."""

    sample_id: str
    prompt: Prompt
    sampling: Sampling
    index: int  # 0..k-1 within (prompt, temperature)
    seed: int  # 63-bit, one for each sample


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """One completion, as stored. Holds nothing that differs between two equal runs (no times)."""

    sample_id: str
    suite: str
    query: str
    persona: str
    temperature: float
    index: int
    seed: int
    status: Status
    text: str  # "" when status is refused, unsupported or error
    prompt_tokens: int
    completion_tokens: int
    error: str = ""  # one line; only with status unsupported or error


class Sampler(Protocol):
    """An engine: built once for a run, serves every temperature and suite."""

    def describe(self) -> Mapping[str, Any]:
        """What is recorded in the manifest: engine, version, dtype, device, effective settings."""

    def sample(self, requests: Iterable[Request]) -> Iterator[Sample]:
        """Yield one Sample for each Request, in the order they finish."""

    def close(self) -> None:
        """Free the engine; safe to call twice."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Value:
    """One value of a metric at its unit; None is "undefined" and says why."""

    suite: str
    temperature: float
    query: str
    persona: str = ""  # "" for values of a whole query
    sample_id: str = ""  # only for values of one sample
    value: float | None
    reason: str = ""
    standard_error: float | None = None  # from drawing k replies of this prompt; where asked for


@dataclass(frozen=True, slots=True, kw_only=True)
class MetricResult:
    """What a metric hands back: its values, and the signature they were computed under."""

    metric: str
    version: str
    unit: Unit
    higher_is_better: bool | None  # None: neither direction is better (length)
    signature: Mapping[str, Any]  # tokenizer, n, smoothing, references, encoder, ...
    values: Sequence[Value]
    notes: Mapping[str, Any] = field(default_factory=dict)  # e.g. probe accuracy, chance
    ceiling: float | None = None  # largest possible value; then intervals are by bootstrap


class Metric(Protocol):
    """A metric reads samples and what the run can offer about them, and returns values."""

    def __call__(self, context: "MetricContext") -> Sequence[MetricResult]:
        """Compute the values of one family of metrics over all samples of the run."""


class MetricContext(Protocol):
    """What metrics may use. Everything is loaded on first use and cached."""

    @property
    def samples(self) -> Sequence[Sample]:
        """All samples of the run, in plan order, errors and refusals included."""

    def embeddings(self, texts: Sequence[str]) -> Any:
        """Unit-length sentence embeddings, float32, shape (len(texts), d); cached on disk."""

    @property
    def encoder_signature(self) -> Mapping[str, Any]:
        """Name, fingerprint and window of the encoder behind `embeddings`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Estimate:
    """A number that can be shown: with interval, counts and the signature of its metric."""

    metric: str
    version: str
    suite: str
    temperature: float
    persona: str  # "" for all personas together
    value: float | None
    low: float | None
    high: float | None
    method: str  # how the interval was made
    n: int  # independent units (queries) behind the interval
    k: int  # samples for each prompt
    undefined: int  # units whose value was None
    higher_is_better: bool | None
    reason: str = ""
    signature: str = ""  # `metric|version:1|tokenizer:words-v1|...`; equal: measured alike
    standard_error: float | None = None  # of the value, over units; None where there is no interval


def has_text(sample: Sample) -> bool:
    """Did the model answer? An empty answer is an answer; an error or a refusal is none."""
    return sample.status in ("ok", "truncated")
