"""At equal quality, which run is more varied?

More temperature buys variety with quality, so two runs are compared along their whole curves. The
curves, their summaries and the bootstrap are those of `metrics.sweep` and `stats.frontier`.
"""

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from sfr_eval.comparison.runs import ScoredRun
from sfr_eval.metrics.sweep import Curve, CurveComparison, compare_curves, curve
from sfr_eval.metrics.table import largest_ks, metric_info, metric_table, trade_offs
from sfr_eval.stats.curves import CurveEstimate
from sfr_eval.stats.intervals import DRAWS
from sfr_eval.types import MetricResult, Value


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
