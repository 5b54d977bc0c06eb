"""Variety at matched quality, query by query, as evidence like that of any other row.

Two curves over the shared temperatures are compared at a quality that both reach. The comparison is
of whole curves, so a query's part in it is its jackknife pseudo-value: n times the result of all
queries minus n - 1 times that of all others (Tukey 1958). Their mean is the result less its bias of
order 1 / n, and their t interval is the jackknife's.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from sfr_eval.comparison.pairing import Paired
from sfr_eval.stats.arrays import Floats
from sfr_eval.stats.frontier import diversity_at
from sfr_eval.types import PromptKey

PART = 0.8
"""The level of quality, as a part of the lower of the two best ones: both curves reach it."""

Values = Mapping[float, Mapping[PromptKey, float]]
"""Temperature -> prompt -> value."""

NOTHING = Paired(queries=(), first=(), second=(), prompts=0, unpaired=0, unequal=0)


@dataclass(frozen=True, kw_only=True)
class Matched:
    """Each query's part in the variety at the level of quality, in the unit of the metric."""

    queries: tuple[str, ...] = ()
    values: tuple[tuple[float, ...], ...] = ()  # a row for each run
    left_out: int = 0  # queries
    reason: str = ""  # why there is none


def match(runs: Sequence[tuple[Values, Values]], *, lower_is_better: bool) -> Matched:
    """Match (quality, variety) of two or more runs at one level of quality, which all reach.

    Only temperatures that all of them have count, since more temperatures reach more, and only
    queries with a value of each at every one. `lower_is_better` is that of the variety.
    """
    sides = [[_by_query(values) for values in run] for run in runs]
    tables = [values for side in sides for values in side]
    temperatures = sorted(set.intersection(*(set(table) for table in tables)))
    if len(temperatures) < 2:
        return Matched(reason="fewer than 2 shared temperatures")
    queries = [
        query
        for query in tables[0][temperatures[0]]
        if all(query in table[t] for table in tables for t in temperatures)
    ]
    if not queries:
        return Matched(reason="no query has a value at every shared temperature in all runs")
    curves = [
        [np.array([[table[t][query] for t in temperatures] for query in queries]) for table in side]
        for side in sides
    ]
    for side in curves:
        side[1] = -side[1] if lower_is_better else side[1]
    level = PART * min(float(quality.mean(axis=0).max()) for quality, _ in curves)
    values = [_pseudo_values(quality, variety, level) for quality, variety in curves]
    if any(np.isnan(numbers).any() for numbers in values):
        return Matched(reason="the level of quality is not reached without one of the queries")
    return Matched(
        queries=tuple(queries),
        values=tuple(
            tuple((-numbers if lower_is_better else numbers).tolist()) for numbers in values
        ),
        left_out=len({q for table in tables for t in temperatures for q in table[t]})
        - len(queries),
    )


def pair_curves(
    first: tuple[Values, Values], second: tuple[Values, Values], *, lower_is_better: bool
) -> tuple[Paired, str]:
    """Pair two runs by query, as `match` does. Returns the pairs, and the reason if there are
    none."""
    matched = match((first, second), lower_is_better=lower_is_better)
    if matched.reason:
        return NOTHING, matched.reason
    paired = Paired(
        queries=matched.queries,
        first=matched.values[0],
        second=matched.values[1],
        prompts=0,
        unpaired=matched.left_out,
        unequal=0,
    )
    return paired, ""


def _by_query(values: Values) -> dict[float, dict[str, float]]:
    """Return temperature -> query -> mean over its prompts."""
    means: dict[float, dict[str, float]] = {}
    for temperature, prompts in values.items():
        numbers: dict[str, list[float]] = {}
        for (query, _), value in prompts.items():
            numbers.setdefault(query, []).append(value)
        means[temperature] = {query: sum(n) / len(n) for query, n in numbers.items()}
    return means


def _pseudo_values(quality: Floats, variety: Floats, level: float) -> Floats:
    """Return each query's pseudo-value of the variety at a level of quality, (queries,)."""
    n = len(quality)
    whole = diversity_at(quality.mean(axis=0), variety.mean(axis=0), level)
    if n == 1:
        return np.asarray(whole).reshape(1)
    rest = (1 - np.eye(n)) / (n - 1)
    return np.asarray(n * whole - (n - 1) * diversity_at(rest @ quality, rest @ variety, level))
