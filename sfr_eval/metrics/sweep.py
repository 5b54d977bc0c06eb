"""Summaries of a temperature sweep: how much diversity a model has at which quality.

Temperature raises most diversity scores, even into noise, and lowers those on embeddings again once
text has lost its sense (docs/metrics/sweep.md), so a single temperature proves little. This
summarises the whole curve: its Pareto frontier, the area under it, and the diversity at given
levels of quality, each with an interval that resamples queries with all their temperatures.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import partial

import numpy as np

from sfr_eval.metrics.table import metric_info, trade_offs
from sfr_eval.stats.arrays import Floats
from sfr_eval.stats.curves import HALVINGS, CurveEstimate, curve_difference, whole_curve
from sfr_eval.stats.estimate import query_means
from sfr_eval.stats.frontier import (
    Functional,
    diversity_at,
    diversity_at_part,
    frontier,
    hypervolume,
)
from sfr_eval.stats.intervals import DRAWS
from sfr_eval.store.results import MatchedLevel, SweepPoint, SweepSummary
from sfr_eval.types import MetricResult, Value

VERSION = "2"
SEED = 20_261_121

LEVELS = (0.5, 0.8, 0.9, 0.95)
"""Parts of the best quality of the sweep at which diversity is reported."""


@dataclass(frozen=True, kw_only=True)
class Curve:
    """One metric against another over temperature. Rows are queries, columns temperatures."""

    quality: str
    diversity: str
    temperatures: tuple[float, ...]
    queries: tuple[str, ...]
    left_out: int  # queries without a value at some temperature
    qualities: Floats
    diversities: Floats  # higher is more varied

    @property
    def points(self) -> tuple[SweepPoint, ...]:
        """The mean curve: a point for each temperature, with whether it is on the frontier."""
        quality, diversity = self.qualities.mean(axis=0), self.diversities.mean(axis=0)
        best = set(frontier(quality, diversity))
        places = enumerate(zip(self.temperatures, quality, diversity, strict=True))
        return tuple(
            SweepPoint(temperature=t, quality=float(q), diversity=float(d), frontier=i in best)
            for i, (t, q, d) in places
        )

    def rows(self, queries: Sequence[str], temperatures: Sequence[float]) -> tuple[Floats, Floats]:
        """Return qualities and diversities of these queries and temperatures, in their order."""
        place = {query: number for number, query in enumerate(self.queries)}
        columns = [self.temperatures.index(t) for t in temperatures]
        cells = np.ix_([place[query] for query in queries], columns)
        return self.qualities[cells], self.diversities[cells]


def curve(quality: MetricResult, diversity: MetricResult) -> Curve:
    """Return the curve of two results of one suite. A query without a value of either metric at any
    temperature is left out of the whole curve and counted."""
    of_quality, of_diversity = (_by_temperature(result) for result in (quality, diversity))
    temperatures = tuple(sorted(set(of_quality) & set(of_diversity)))
    columns = [table[t] for t in temperatures for table in (of_quality, of_diversity)]
    queries = dict.fromkeys(value.query for value in quality.values)
    complete = [
        query for query in queries if columns and all(query in column for column in columns)
    ]

    def rows(table: Mapping[float, Mapping[str, float]]) -> Floats:
        cells = [[table[t][query] for t in temperatures] for query in complete]
        return np.array(cells, dtype=np.float64).reshape(len(complete), len(temperatures))

    diversities = rows(of_diversity)
    return Curve(
        quality=quality.metric,
        diversity=diversity.metric,
        temperatures=temperatures,
        queries=tuple(complete),
        left_out=len(queries) - len(complete),
        qualities=rows(of_quality),
        diversities=1 - diversities if diversity.higher_is_better is False else diversities,
    )


def summaries(results: Sequence[MetricResult]) -> Iterator[SweepSummary]:
    """Yield a summary for each pair of a quality and a diversity that were measured at two or more
    temperatures; `results` belong to one suite."""
    by_metric = {result.metric: result for result in results}
    for quality, pairs in trade_offs():
        for diversity in pairs.swept:
            if quality in by_metric and diversity in by_metric:
                pair = curve(by_metric[quality], by_metric[diversity])
                if len(pair.temperatures) > 1 and pair.queries:
                    yield summary(pair)


def summary(pair: Curve) -> SweepSummary:
    """Return the frontier, the hypervolume, and the diversity at parts of the best quality.

    A part is of the best quality of each resample, so it is reached in all of them.
    """
    best = float(pair.qualities.mean(axis=0).max())
    info = metric_info(pair.diversity)
    turned = info is not None and info.direction == "lower"
    estimate = partial(whole_curve, pair.qualities, pair.diversities)
    matched = {part: _seeded(estimate, partial(diversity_at_part, part=part)) for part in LEVELS}
    return SweepSummary(
        quality=pair.quality,
        diversity=pair.diversity,
        diversity_is="1 - value" if turned else "the value",
        points=pair.points,
        hypervolume=_seeded(estimate, hypervolume),
        matched=_levels(matched, best),
        queries_left_out=pair.left_out,
        signature={"version": VERSION, "seed": SEED, "halvings": HALVINGS, "unit": "query"},
    )


def _seeded(estimate: Callable[..., CurveEstimate], functional: Functional) -> CurveEstimate:
    """Estimate from the same resamples for every functional."""
    return estimate(functional, generator=np.random.default_rng(SEED))


def _levels(matched: Mapping[float, CurveEstimate], best: float) -> tuple[MatchedLevel, ...]:
    return tuple(
        MatchedLevel(part=part, level=part * best, **asdict(curve))
        for part, curve in matched.items()
    )


@dataclass(frozen=True, kw_only=True)
class CurveComparison:
    """The second of two curves minus the first, paired by query."""

    hypervolume: CurveEstimate
    matched: tuple[MatchedLevel, ...]  # levels are parts of the lower of the two best qualities
    queries: int
    queries_left_out: int  # that only one of the curves has


def compare_curves(first: Curve, second: Curve, *, draws: int = DRAWS) -> CurveComparison:
    """Return `second` minus `first`, paired by query: hypervolume and diversity at matched quality.

    Only temperatures that both curves have count: more temperatures give a better best, whatever
    the model. With fewer than two in common everything is undefined. Levels are parts of the lower
    of the two best qualities, the same in all resamples, so that both models reach them. Queries
    that only one of them has are left out and counted.
    """
    shared = [query for query in first.queries if query in set(second.queries)]
    temperatures = [t for t in first.temperatures if t in second.temperatures]
    one, two = first.rows(shared, temperatures), second.rows(shared, temperatures)
    enough = len(temperatures) > 1
    estimate = partial(curve_difference, one, two, draws=draws) if enough else _undefined
    best = min(float(q.mean(axis=0).max()) if shared and enough else 0.0 for q, _ in (one, two))
    matched = {part: _seeded(estimate, partial(diversity_at, level=part * best)) for part in LEVELS}
    return CurveComparison(
        hypervolume=_seeded(estimate, hypervolume),
        matched=_levels(matched, best),
        queries=len(shared),
        queries_left_out=len({*first.queries, *second.queries}) - len(shared),
    )


def _undefined(functional: Functional, *, generator: np.random.Generator) -> CurveEstimate:
    """Stand for an estimate where two curves have no two temperatures in common."""
    del functional, generator
    return CurveEstimate(value=None, method="none: no two temperatures in common", n=0)


def _by_temperature(result: MetricResult) -> dict[float, dict[str, float]]:
    """Return temperature -> query -> mean over its personas."""
    values: dict[float, list[Value]] = {}
    for value in result.values:
        values.setdefault(value.temperature, []).append(value)
    return {temperature: query_means(here) for temperature, here in values.items()}
