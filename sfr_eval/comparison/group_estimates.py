"""Means of groups of trainings: what a recipe gives, for other seeds of training and queries."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from sfr_eval.comparison.decision import ALPHA
from sfr_eval.comparison.groups import RunGroup
from sfr_eval.comparison.pairing import (
    Aligned,
    align,
    at,
    shared_temperatures,
    unequal_prompts,
    unit_of,
)
from sfr_eval.metrics.table import metric_info
from sfr_eval.stats.arrays import Doubles
from sfr_eval.stats.bounded import bounded_interval
from sfr_eval.stats.hierarchical import Crossed, crossed_mean
from sfr_eval.stats.intervals import Interval, mean_interval


@dataclass(frozen=True, kw_only=True)
class GroupEstimate:
    """The mean of a group in one metric at one temperature, with an interval for other trainings of
    the recipe and other queries; of a single training, for other queries."""

    suite: str
    metric: str
    temperature: float
    value: float
    low: float | None
    high: float | None
    method: str
    n: int  # queries
    runs: tuple[float, ...]  # the mean of each training


def estimates_of(group: RunGroup, suite: str, *, metrics: Sequence[str]) -> Iterator[GroupEstimate]:
    """Yield the means of a group over the queries that all its runs have a value of."""
    unequal = unequal_prompts(group.runs, suite)
    for metric in metrics:
        sides = [run.values(suite, metric, most=unequal) for run in group.runs]
        for t in shared_temperatures(group.runs, suite):
            aligned = align(
                [side.get(t, {}) for side in sides], unit=unit_of(metric), unequal=at(t, unequal)
            )
            if not aligned.queries:
                continue
            table = table_of(aligned)
            interval = _mean_interval(table, metric)
            yield GroupEstimate(
                suite=suite,
                metric=metric,
                temperature=t,
                value=interval.value,
                low=interval.low,
                high=interval.high,
                method=interval.method,
                n=len(aligned.queries),
                runs=tuple(table.mean(axis=1).tolist()),
            )


def _mean_interval(table: Doubles, metric: str) -> Interval:
    """Return the mean of (trainings, queries), of a single training with an interval over queries.

    The interval of outcomes is at least as wide as that of shares over queries, which has a width
    even where all are alike; no interval leaves the range of its metric.
    """
    by_query = table.mean(axis=0).tolist()
    if len(by_query) == 1:
        return mean_interval(by_query)
    if len(table) == 1:
        alone = mean_interval(by_query)
        assert alone.low is not None
        assert alone.high is not None
        low, high, method = alone.low, alone.high, f"{alone.method}, over queries"
    else:
        crossed = crossed_mean(table)
        low, high = crossed.ends(level=ALPHA)
        method = method_of(crossed)
    info = metric_info(metric)
    if info is not None and info.range is not None:
        bottom, top = info.range
        if info.outcomes:
            ends = bounded_interval(by_query, low=bottom, high=top)
            low, high = min(low, ends[0]), max(high, ends[1])
        low, high = max(low, bottom), min(high, top)
    return Interval(float(table.mean()), low, high, method)


def method_of(crossed: Crossed) -> str:
    """Name the interval of a row over trainings and queries."""
    return f"t over trainings and queries, {crossed.freedom:.1f} degrees of freedom"


def table_of(aligned: Aligned) -> Doubles:
    """Return the values, (runs, queries)."""
    return np.array(aligned.means, dtype=np.float64)
