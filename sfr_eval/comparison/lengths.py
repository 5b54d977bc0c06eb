"""Whether two runs' replies are of unequal length, and what their variety is at equal length.

Short replies read as more varied than long ones. Measures of variety read a common window of each
reply, so what matters is whether replies fill it; if one run's do not, the beginnings of both are
compared instead (`metrics.windows`).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from sfr_eval.comparison.pairing import pair_up
from sfr_eval.comparison.runs import ScoredRun
from sfr_eval.metrics.windows import WINDOWS
from sfr_eval.report.warnings import UNEQUAL
from sfr_eval.stats.intervals import Interval
from sfr_eval.stats.simultaneous import t_ends
from sfr_eval.types import PromptKey

LENGTH = "length"
NAMED = "answer_valid"
"""Measured where right answers are known. Variety there is that of the answers that the replies
name, whatever the words around them."""
FILLED = 0.75
"""A window is filled if it has at most this share of the shorter run's mean length, in words: a
token is a word or a punctuation mark."""


WINDOW_METRICS = {tokens: f"embed_distance_first_{tokens}" for tokens in WINDOWS}
"""Tokens -> the variety of beginnings of so many, the longest first."""


class Side(Protocol):
    """One run at one suite: temperature -> prompt -> value, of a metric; {} without it."""

    def __call__(self, metric: str) -> Mapping[float, Mapping[PromptKey, float]]:
        """Return the values of a metric."""


@dataclass(frozen=True, kw_only=True)
class UnequalLengths:
    """Mean lengths in words that differ, and the difference in variety at equal length."""

    temperature: float
    first: float
    second: float
    window: int | None  # tokens of the beginnings that both runs fill; None: there is none
    metric: str  # the variety of the beginnings, or ""
    difference: Interval | None  # second minus first, of the beginnings

    def explains(self, *, gain: bool) -> bool:
        """Return whether a gain (or loss) of variety may be that of shorter (or longer) replies:
        at equal length there is none, or it is not known."""
        if gain != (self.second < self.first):
            return False
        if self.difference is None or self.difference.low is None or self.difference.high is None:
            return True
        return self.difference.low <= 0 if gain else self.difference.high >= 0

    @property
    def line(self) -> str:
        """The warning."""
        return (
            f"T = {self.temperature:g}: the replies differ in length, which varies with variety: "
            f"{self.words}."
        )

    @property
    def words(self) -> str:
        """`10 and 37 words on average; of the first 8 tokens embed_distance differs by ...`."""
        means = f"{self.first:.3g} and {self.second:.3g} words on average"
        if self.difference is None:
            return f"{means}; too short to be compared at equal length"
        low, high = self.difference.low, self.difference.high
        return (
            f"{means}; of their first {self.window} tokens alone embed_distance differs by "
            f"{self.difference.value:+.3g} [{low:.3g}, {high:.3g}]"
        )


def unequal_lengths(first: Side, second: Side, temperature: float) -> UnequalLengths | None:
    """Return how two runs' lengths differ at a temperature; None if by at most 10 %, or if variety
    does not depend on it."""
    if all(side(NAMED).get(temperature) for side in (first, second)):
        return None
    sides = [side(LENGTH).get(temperature, {}) for side in (first, second)]
    shared = sides[0].keys() & sides[1].keys()
    if not shared:
        return None
    means = [sum(side[key] for key in shared) / len(shared) for side in sides]
    if min(means) >= (1 - UNEQUAL) * max(means):
        return None
    for window, metric in WINDOW_METRICS.items():
        values = [side(metric).get(temperature, {}) for side in (first, second)]
        if window <= FILLED * min(means) and (interval := _difference(*values)):
            return UnequalLengths(
                temperature=temperature,
                first=means[0],
                second=means[1],
                window=window,
                metric=metric,
                difference=interval,
            )
    return UnequalLengths(
        temperature=temperature,
        first=means[0],
        second=means[1],
        window=None,
        metric="",
        difference=None,
    )


def lengths_of_runs(
    first: ScoredRun, second: ScoredRun, suite: str, temperature: float
) -> UnequalLengths | None:
    """Return how the lengths of two runs' replies differ at a temperature; None if hardly."""

    def side(run: ScoredRun) -> Side:
        measured = set(run.suites[suite].metrics)
        return lambda metric: run.values(suite, metric) if metric in measured else {}

    return unequal_lengths(side(first), side(second), temperature)


def _difference(
    first: Mapping[PromptKey, float], second: Mapping[PromptKey, float]
) -> Interval | None:
    """Return the mean difference over queries with its 95 % interval; None below two queries."""
    means = pair_up(first, second, unit="query", unequal={}).differences
    if len(means) < 2:
        return None
    low, high = t_ends(means, level=0.05)
    return Interval(sum(means) / len(means), low, high, "t")
