"""Results of a metric with a value for each k, from n replies to each prompt."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from sfr_eval.metrics.context import Context, metric_result
from sfr_eval.metrics.metric import Metric
from sfr_eval.types import Cell, MetricResult

Curve = tuple[int, Callable[[int], float | None]]
"""How many replies to a prompt count, and its value at k."""


def largest_k(curves: Mapping[Cell, Curve], temperature: float) -> int:
    """Return the largest k for which every prompt with a reply that counts has enough of them.
    Every k then rests on the same prompts, so pass@k over k never decreases."""
    counts = [n for (t, _, _), (n, _) in curves.items() if t == temperature and n]
    return min(counts, default=0)


def results_over_k(
    context: Context,
    metric: Metric,
    curves: Mapping[Cell, Curve],
    *,
    version: str,
    ceiling: Callable[[int], float],
    signature: Mapping[str, Any],
    reason: str,
    notes: Mapping[str, Any] | None = None,
) -> Iterator[MetricResult]:
    """Yield one result for each k up to what every prompt has; `notes` stand with k = 1."""
    most = {t: largest_k(curves, t) for t in {key[0] for key in curves}}
    for k in range(1, max([1, *most.values()]) + 1):
        values = [
            context.prompt_value(key, curve(k) if n else None, reason=reason)
            for key, (n, curve) in curves.items()
            if k <= max(1, most[key[0]])
        ]
        yield metric_result(
            metric.at(k),
            version=version,
            values=values,
            signature={**signature, "k": k},
            notes=notes if k == 1 else None,
            ceiling=ceiling(k),
        )
