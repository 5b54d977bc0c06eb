"""Runs in order of their headline values, as far as their intervals tell an order.

**The rule.** Only runs with equal settings share a table: suite and its version, queries, personas,
k, every sampling field and penalty, the temperature, and the signatures of the metrics of variety,
style and quality. In a column, run A is ahead of run B if A's 95 % interval lies wholly on the
better side of B's. The best rank of a run is one more than the number of runs ahead of it, its
worst rank is the number of runs less those that it is ahead of: `1-3` says that any of three places
may be its own. The intervals are those of each run alone and not corrected for the number of runs;
`sfr-eval compare`, which pairs runs by prompt, sees smaller differences and decides. A run that
lacks replies, a value or an interval has no rank.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from sfr_eval.metrics.table import metric_info
from sfr_eval.report.scoreboard import ScoreRole
from sfr_eval.run_index.row import IndexRow
from sfr_eval.types import Estimate

RULE = (
    "Only runs with equal settings share a table. Run A is ahead of run B if its 95 % interval "
    "lies wholly on the better side of that of B; 1-3 means that any of the first three places may "
    "be its own. Intervals are those of each run alone and not corrected for the number of runs: "
    "sfr-eval compare, which pairs runs by prompt, sees smaller differences. A run that lacks "
    "replies, a value or an interval has no rank."
)
ROLES: tuple[ScoreRole, ...] = ("variety", "style", "quality", "length")


@dataclass(frozen=True, kw_only=True)
class Rank:
    """The best and the worst place that a run may have, from 1."""

    best: int
    worst: int

    @property
    def text(self) -> str:
        """`2`, or `1-3`."""
        return f"{self.best}" if self.best == self.worst else f"{self.best}-{self.worst}"


@dataclass(frozen=True, kw_only=True)
class Standing:
    """A run in a table, with its rank by role; a role without one is absent."""

    row: IndexRow
    ranks: Mapping[str, Rank]


@dataclass(frozen=True, kw_only=True)
class Leaderboard:
    """Comparable runs, the most varied first."""

    suite: str
    title: str
    settings: Mapping[str, str]
    metrics: Mapping[ScoreRole, str]  # in order
    standings: tuple[Standing, ...]
    distinct: Mapping[str, str]  # settings in which it differs from other tables of the suite


def leaderboards(rows: Iterable[IndexRow]) -> list[Leaderboard]:
    """Return a table for each group of two or more comparable runs, the largest first within a
    suite."""
    groups: dict[tuple[tuple[str, str], ...], list[IndexRow]] = {}
    for row in rows:
        if row.scores:
            groups.setdefault(tuple(row.settings.items()), []).append(row)
    sized = sorted(groups.values(), key=lambda group: -len(group))
    tables = [group for group in sized if len(group) > 1]
    suites = list(dict.fromkeys(row.suite for group in tables for row in group))
    return [
        _leaderboard(group, [g[0] for g in tables if g[0].suite == suite])
        for suite in suites
        for group in tables
        if group[0].suite == suite
    ]


def _leaderboard(group: Sequence[IndexRow], others: Sequence[IndexRow]) -> Leaderboard:
    first = group[0]
    metrics = {score.role: score.metric for score in first.scores}
    ranks: dict[int, dict[str, Rank]] = {number: {} for number in range(len(group))}
    for role in metrics:
        estimates = {
            number: score.estimate
            for number, row in enumerate(group)
            if row.whole and (score := row.score(role)) is not None
        }
        for number, rank in rank_ranges(estimates).items():
            ranks[number][role] = rank
    standings = [Standing(row=row, ranks=ranks[number]) for number, row in enumerate(group)]
    return Leaderboard(
        suite=first.suite,
        title=first.title,
        settings=first.settings,
        metrics=metrics,
        standings=tuple(sorted(standings, key=_order)),
        distinct=differing_settings(first, others),
    )


def rank_ranges(estimates: Mapping[int, Estimate]) -> dict[int, Rank]:
    """Return the rank of each estimate of one metric that has a direction and an interval."""
    ends: dict[int, tuple[float, float]] = {}
    for key, estimate in estimates.items():
        info = metric_info(estimate.metric)
        if info is None or info.direction == "neither":
            continue
        if estimate.low is not None and estimate.high is not None:
            low, high = estimate.low, estimate.high
            ends[key] = (low, high) if info.direction == "higher" else (-high, -low)
    return {
        key: Rank(
            best=1 + sum(other_low > high for other_low, _ in ends.values()),
            worst=len(ends) - sum(other_high < low for _, other_high in ends.values()),
        )
        for key, (low, high) in ends.items()
    }


def differing_settings(row: IndexRow, others: Sequence[IndexRow]) -> dict[str, str]:
    """Return those settings of a row in which some other differs. Of another metric, it is not told
    how that is measured."""
    names = dict.fromkeys(name for other in (row, *others) for name in other.settings)
    differing = {
        name: row.settings.get(name, "none")
        for name in names
        if any(other.settings.get(name) != row.settings.get(name) for other in others)
    }
    return {
        name: value
        for name, value in differing.items()
        if name == (metric := f"{name.partition(' ')[0]} metric") or metric not in differing
    }


def _order(standing: Standing) -> tuple[float, ...]:
    """Sort by variety, then quality; runs without a rank come last."""
    order: list[float] = []
    for role in ("variety", "quality", "style"):
        rank = standing.ranks.get(role)
        order += [rank.best, rank.worst] if rank else [float("inf")] * 2
    return tuple(order)
