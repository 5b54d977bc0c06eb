"""At equal quality, which run is more varied? And which points are Pareto-optimal?

More temperature buys variety with quality, so two runs are compared along their whole curves. The
curves, their summaries and the bootstrap are those of `metrics.sweep` and `stats.frontier`.
"""

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from sfr_eval.comparison.runs import ScoredRun
from sfr_eval.metrics.sweep import SEED, Curve, CurveComparison, compare_curves, curve
from sfr_eval.metrics.table import largest_ks, metric_info, metric_table, trade_offs
from sfr_eval.stats.curves import CurveEstimate
from sfr_eval.stats.frontier import diversity_at, frontier
from sfr_eval.stats.intervals import DRAWS
from sfr_eval.types import MetricResult, Value

MISSED = 0.01  # a band ends where a larger share of resamples has no value
LEVELS = 41
"""Levels of quality at which a band is drawn."""


@dataclass(frozen=True, kw_only=True)
class MatchedQuality:
    """Two curves and their difference at equal quality."""

    suite: str
    quality: str
    diversity: str
    lower_is_better: bool  # then 1 - value is compared
    first: Curve
    second: Curve
    summary: CurveComparison

    def rows(self) -> Iterator[dict[str, Any]]:
        """Yield a row for each summary: hypervolume, and the diversity at each level of quality."""
        shared = {
            "suite": self.suite,
            "quality": self.quality,
            "diversity": self.diversity,
            "diversity_is": "1 - value" if self.lower_is_better else "the value",
        }
        volume = self.summary.hypervolume
        measure = {"measure": "hypervolume", "part": None, "level": None}
        yield {**shared, **measure, **asdict(volume), "reason": _reason(volume)}
        for level in self.summary.matched:
            measure = {"measure": f"diversity at {level.part:.0%} of the lower best quality"}
            yield {**shared, **measure, **asdict(level), "reason": _reason(level)}


def _reason(difference: CurveEstimate) -> str:
    return difference.method.removeprefix("none: ") if difference.low is None else ""


def matched_qualities(
    first: ScoredRun, second: ScoredRun, suite: str, *, metrics: Sequence[str], draws: int = DRAWS
) -> list[MatchedQuality]:
    """Return every pair of a quality and a diversity that both runs measured at two temperatures
    or more; the runs need no temperature in common."""
    matched = []
    for quality, diversity in axes(metrics):
        one, two = (run_curve(run, suite, quality, diversity) for run in (first, second))
        temperatures = min(len(one.temperatures), len(two.temperatures))
        if temperatures < 2 or not set(one.queries) & set(two.queries):
            continue
        info = metric_info(diversity)
        matched.append(
            MatchedQuality(
                suite=suite,
                quality=quality,
                diversity=diversity,
                lower_is_better=info is not None and info.direction == "lower",
                first=one,
                second=two,
                summary=compare_curves(one, two, draws=draws),
            )
        )
    return matched


def axes(metrics: Sequence[str]) -> list[tuple[str, str]]:
    """Return (quality, diversity) of every trade-off that these metrics make."""
    largest = largest_ks(metrics)
    return [
        (quality, diversity)
        for quality, pairs in trade_offs()
        if quality in metrics
        for name in pairs.compared
        if (diversity := metric_table()[name].at(largest[name]).id if name in largest else name)
        in metrics
    ]


def run_curve(run: ScoredRun, suite: str, quality: str, diversity: str) -> Curve:
    """Return the curve of one run over its own temperatures."""
    return curve(_result(run, suite, quality), _result(run, suite, diversity))


def band(run: Curve, *, draws: int = DRAWS) -> list[dict[str, float]]:
    """Return the diversity at each level of quality, with a pointwise 95 % band.

    The band holds quantiles over resampled queries, each with its whole curve. Levels that over 1 %
    of the resamples miss are left out.
    """
    generator = np.random.default_rng(SEED)
    n = len(run.queries)
    means = run.qualities.mean(axis=0)
    weights = generator.multinomial(n, np.full(n, 1 / n), size=draws) / n
    quality, diversity = weights @ run.qualities, weights @ run.diversities
    rows = []
    for level in np.linspace(float(means.min()), float(means.max()), LEVELS):
        value = float(diversity_at(means, run.diversities.mean(axis=0), level))
        drawn = diversity_at(quality, diversity, level)
        if np.isnan(drawn).mean() > MISSED or np.isnan(value):
            continue
        low, high = np.nanquantile(drawn, [0.025, 0.975])
        rows.append({"level": float(level), "value": value, "low": float(low), "high": float(high)})
    return rows


def pareto_optimal(curves: Sequence[Curve]) -> list[list[bool]]:
    """Return for each point of each curve whether it is Pareto-optimal among the points of all:
    none is at least as good on both axes and better on one."""
    quality = np.concatenate([curve.qualities.mean(axis=0) for curve in curves])
    diversity = np.concatenate([curve.diversities.mean(axis=0) for curve in curves])
    best = set(frontier(quality, diversity))
    places = iter(range(len(quality)))
    return [[next(places) in best for _ in curve.temperatures] for curve in curves]


def _result(run: ScoredRun, suite: str, metric: str) -> MetricResult:
    info = metric_info(metric)
    assert info is not None, metric
    return MetricResult(
        metric=metric,
        version=run.estimate(suite, metric).version,
        unit=info.unit,
        higher_is_better=info.higher_is_better,
        signature={},
        values=[
            Value(suite=suite, temperature=t, query=query, persona=persona, value=value)
            for t, values in run.values(suite, metric).items()
            for (query, persona), value in values.items()
        ],
    )
