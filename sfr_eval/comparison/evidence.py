"""The paired values of one metric as evidence of a difference, before anything is decided."""

from dataclasses import dataclass
from functools import cached_property

from sfr_eval.comparison.pairing import Paired
from sfr_eval.stats.intervals import Interval, difference_interval
from sfr_eval.stats.power import smallest_visible


@dataclass(frozen=True, kw_only=True)
class PairedEvidence:
    """One metric at one temperature on two sides, second minus first. A comparison and a gate both
    decide from it. Means are over the same queries on both sides; None is undefined."""

    paired: Paired
    step: float  # smallest change of a query's mean; 0 if any size is possible

    @property
    def differences(self) -> list[float]:
        """Second minus first, one for each query."""
        return self.paired.differences

    def by_query(self, suite: str) -> dict[tuple[str, str], float]:
        """Return (suite, query) -> difference: what a family of tests shares its flips by."""
        return {
            (suite, query): difference
            for query, difference in zip(self.paired.queries, self.differences, strict=True)
        }

    @property
    def n(self) -> int:
        """Number of paired queries."""
        return len(self.paired.first)

    @property
    def first(self) -> float | None:
        """Mean of the first side."""
        return sum(self.paired.first) / self.n if self.n else None

    @property
    def second(self) -> float | None:
        """Mean of the second side."""
        return None if self.first is None or self.delta is None else self.first + self.delta

    @property
    def delta(self) -> float | None:
        """Mean difference."""
        return None if self.interval is None else self.interval.value

    @cached_property
    def interval(self) -> Interval | None:
        """The mean difference with its 95 % interval."""
        return difference_interval(self.differences) if self.n else None

    def smallest_visible(self, *, alpha: float, sides: int = 2) -> float | None:
        """Return the smallest difference that a test at this level detects in 80 % of cases."""
        return smallest_visible(self.differences, alpha=alpha, sides=sides, step=self.step)
