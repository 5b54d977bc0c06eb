"""A run as a gate sees it: per-prompt counts and values of the checked metrics.

baseline.json is a snapshot, small enough to commit. The candidate becomes one as well, by the same
code (`baseline.py`), so that both sides are rounded and cut alike.
"""

from collections.abc import Iterable, Sequence
from functools import cached_property
from typing import Annotated, Any, Self

from pydantic import BaseModel, Field, model_validator

from sfr_eval.comparison.mismatch import Conditions
from sfr_eval.comparison.pairing import unit_of
from sfr_eval.metrics.table import pass_k
from sfr_eval.stats.pass_at_k import pass_at_k
from sfr_eval.store.primary import PrimaryFamily
from sfr_eval.types import PromptKey, Unit

FORMAT = 1

Number = Annotated[float, Field(allow_inf_nan=False)]
Count = Annotated[int, Field(ge=0, le=1_000_000)]
"""Of programs; pass@k is listed for each k up to the largest."""


class MetricValues(BaseModel, frozen=True, extra="forbid"):
    """One metric at one temperature."""

    metric: str
    temperature: Number
    signature: dict[str, str]
    values: list[Number | None] = Field(description="in the order of the suite's keys of its unit")


class ProgramCounts(BaseModel, frozen=True, extra="forbid"):
    """Right and drawn programs of each prompt, from which pass@k follows for every k."""

    temperature: Number
    signature: dict[str, str]
    right: list[Count]
    drawn: list[Count]

    @model_validator(mode="after")
    def _check_counts(self) -> Self:
        if len(self.right) != len(self.drawn):
            raise ValueError("right: needs as many counts as drawn")
        if any(right > drawn for right, drawn in zip(self.right, self.drawn, strict=True)):
            raise ValueError("right: more programs than were drawn")
        return self

    def pass_at(self, k: int) -> list[float | None]:
        """Return pass@k of each prompt."""
        counts = zip(self.drawn, self.right, strict=True)
        return [pass_at_k(n, right, k) if n else None for n, right in counts]


class SuiteSnapshot(BaseModel, frozen=True, extra="forbid"):
    """One suite. `keys` lists [query, persona] for each unit; values follow that order."""

    settings: dict[str, Any]
    keys: dict[Unit, list[tuple[str, str]]]
    facets: dict[str, dict[str, str]] = Field(description="by -> query -> group")
    replies: dict[str, list[Count]] = Field(
        description="temperature -> replies with text, by prompt"
    )
    values: list[MetricValues]
    programs: list[ProgramCounts]
    primary: PrimaryFamily | None = Field(None, description="as the suite declares it")

    @model_validator(mode="after")
    def _check_keys(self) -> Self:
        if "prompt" not in self.keys:
            raise ValueError("keys: has no prompts")
        return self

    @cached_property
    def values_of(self) -> dict[str, dict[float, MetricValues]]:
        """Metric -> temperature -> its values."""
        by_metric: dict[str, dict[float, MetricValues]] = {}
        for values in self.values:
            by_metric.setdefault(values.metric, {})[values.temperature] = values
        return by_metric

    @cached_property
    def programs_at(self) -> dict[float, ProgramCounts]:
        """Temperature -> counts of programs."""
        return {counts.temperature: counts for counts in self.programs}

    @cached_property
    def metrics(self) -> list[str]:
        """Ids of all stored metrics; pass@k up to the most programs that any prompt has."""
        most = max((n for counts in self.programs for n in counts.drawn), default=0)
        return [*(f"pass_at_{k}" for k in range(1, most + 1)), *self.values_of]

    @property
    def measured(self) -> dict[float, list[str]]:
        """Temperature -> the metrics that have a value there."""
        temperatures = sorted({row.temperature for row in self.values} | set(self.programs_at))
        return {t: [name for name in self.metrics if self.values_at(name, t)] for t in temperatures}

    def temperatures(self, metric: str) -> list[float]:
        """Return the temperatures at which a metric is stored."""
        return list(self._stored(metric))

    def values_at(self, metric: str, temperature: float) -> dict[PromptKey, float]:
        """Return prompt or query -> value, where it is defined."""
        k = pass_k(metric)
        numbers: Sequence[float | None] = ()
        if k is not None and temperature in self.programs_at:
            numbers = self.programs_at[temperature].pass_at(k)
        elif k is None and temperature in self.values_of.get(metric, {}):
            numbers = self.values_of[metric][temperature].values
        keys = self.keys.get(stored_unit(metric), [])
        pairs = zip(keys, numbers, strict=False)
        return {key: number for key, number in pairs if number is not None}

    def curve(self, metric: str) -> dict[float, dict[PromptKey, float]]:
        """Return temperature -> prompt or query -> value."""
        return {t: self.values_at(metric, t) for t in self.temperatures(metric)}

    def signature(self, metric: str) -> dict[str, str]:
        """Return how a metric was measured; {} if it is not stored."""
        return next((row.signature for row in self._stored(metric).values()), {})

    def replies_at(self, temperature: float) -> dict[PromptKey, int]:
        """Return prompt -> number of replies with text."""
        counts = self.replies.get(repr(temperature), [])
        return dict(zip(self.keys["prompt"], counts, strict=False))

    def groups(self, by: str) -> list[str]:
        """Return the groups of a slice in alphabetical order; `persona` is a slice, too."""
        if by == "persona":
            return sorted({persona for _, persona in self.keys["prompt"] if persona})
        return sorted(set(self.facets.get(by, {}).values()))

    @property
    def slices(self) -> list[str]:
        """What the suite can be sliced by."""
        return [*self.facets, *(["persona"] if self.groups("persona") else [])]

    def is_in_group(self, key: PromptKey, by: str, group: str) -> bool:
        """Return whether a prompt belongs to a group of a slice."""
        query, persona = key
        return persona == group if by == "persona" else self.facets.get(by, {}).get(query) == group

    def _stored(self, metric: str) -> dict[float, ProgramCounts] | dict[float, MetricValues]:
        is_pass = pass_k(metric) is not None
        return self.programs_at if is_pass else self.values_of.get(metric, {})


class Snapshot(BaseModel, frozen=True, extra="forbid"):
    """A run as a gate sees it."""

    format: int
    name: str
    fingerprint: str
    policy: dict[str, Any]
    looks: int = Field(1, description="sizes at which the run was measured while it grew")
    suites: dict[str, SuiteSnapshot]

    def conditions(self, metrics: Iterable[str]) -> Conditions:
        """Return how the run was made and these metrics measured."""
        suites = self.suites.items()
        return Conditions(
            settings={id: suite.settings for id, suite in suites},
            prompts={id: frozenset(suite.keys["prompt"]) for id, suite in suites},
            policy=self.policy,
            signatures={
                (id, metric): suite.signature(metric)
                for metric in sorted(set(metrics))
                for id, suite in suites
                if suite.signature(metric)
            },
        )


def stored_unit(metric: str) -> Unit:
    """Return the unit of a metric's stored values; those of replies are averaged by prompt."""
    unit = unit_of(metric)
    return "prompt" if unit == "sample" else unit
