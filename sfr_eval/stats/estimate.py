"""Values per prompt in, an Estimate with a 95% interval out.

The independent unit is the query. Replies to one prompt share the prompt, and personas of one query
share the question: both come out alike, so treating them as independent makes intervals too narrow
(by a factor of 1.46 for one self-BLEU mean). Values are therefore averaged within a query first,
and the interval is over queries.
"""

import math
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from sfr_eval.stats.bootstrap import bootstrap_interval
from sfr_eval.stats.bounded import bounded_interval
from sfr_eval.stats.intervals import BCA_FROM, Interval, mean_interval, standard_error
from sfr_eval.types import Estimate, MetricResult, Value

_DIGEST = re.compile(r"\b[0-9a-f]{32,}\b")


def all_estimates(result: MetricResult, k: int, personas: Iterable[str]) -> list[Estimate]:
    """Average `result` over queries, by suite and temperature: all personas, then each of them.

    Within a query, values of single samples are averaged by persona first, and each persona has the
    same weight. The two-sided 95% interval is that of a share for means of outcomes (`bounded`),
    for others a t interval below 50 queries and BCa from 50, cut at the ends of the metric's range;
    one query has no interval. Curves over k (pass@k) have BCa from 50 problems. None values are
    left out and counted in `undefined`; `n` is the number of queries with a value. Metrics whose
    unit is the query have no estimates for single personas.
    """
    cells: dict[tuple[str, float, str], list[Value]] = {}
    for value in result.values:
        cells.setdefault((value.suite, value.temperature, ""), []).append(value)
        if value.persona:
            cells.setdefault((value.suite, value.temperature, value.persona), []).append(value)
    return [
        _estimate(result, cells[suite, temperature, persona], persona=persona, k=k)
        for suite, temperature in dict.fromkeys(cell[:2] for cell in cells)
        for persona in dict.fromkeys(("", *personas))
        if (suite, temperature, persona) in cells
    ]


def query_means(values: Iterable[Value]) -> dict[str, float]:
    """Map each query with a value to the mean over personas of their mean value."""
    prompts: dict[tuple[str, str], list[float]] = {}
    for value in values:
        if value.value is not None:
            prompts.setdefault((value.query, value.persona), []).append(value.value)
    queries: dict[str, list[float]] = {}
    for (query, _), numbers in prompts.items():
        queries.setdefault(query, []).append(math.fsum(numbers) / len(numbers))
    return {query: math.fsum(means) / len(means) for query, means in queries.items()}


def signature_text(metric: str, version: str, signature: Mapping[str, Any]) -> str:
    """Format a signature as `metric|version:1|tokenizer:words-v1|n:4`. Two numbers were measured in
    the same way if these texts are equal. Digests are cut to 12 digits."""
    parts = [metric, f"version:{version}"]
    for key, value in signature.items():
        text = ",".join(map(str, value)) if isinstance(value, list | tuple) else str(value)
        parts.append(f"{key}:{_DIGEST.sub(lambda match: match[0][:12], text)}")
    return "|".join(parts)


def _estimate(result: MetricResult, values: Sequence[Value], *, persona: str, k: int) -> Estimate:
    numbers = list(query_means(values).values())
    mean = _interval(result, numbers) if numbers else None
    reasons = dict.fromkeys(value.reason for value in values if value.value is None)
    return Estimate(
        metric=result.metric,
        version=result.version,
        suite=values[0].suite,
        temperature=values[0].temperature,
        persona=persona,
        value=mean.value if mean else None,
        low=mean.low if mean else None,
        high=mean.high if mean else None,
        method=mean.method if mean else "none: no value",
        n=len(numbers),
        k=k,
        undefined=sum(value.value is None for value in values),
        higher_is_better=result.higher_is_better,
        reason="" if numbers else "; ".join(reasons) or "no value",
        signature=signature_text(result.metric, result.version, result.signature),
        standard_error=standard_error(numbers) if len(numbers) > 1 else None,
    )


def _interval(result: MetricResult, numbers: Sequence[float]) -> Interval:
    """Return the mean of one or more numbers with the interval that suits the metric."""
    low, high = result.range or (-math.inf, math.inf)
    if result.ceiling is not None:
        low, high = 0.0, result.ceiling
    if len(numbers) == 1 or not (result.outcomes or result.ceiling is not None):
        mean = mean_interval(numbers)
        if mean.low is None or mean.high is None:
            return mean
        # A value may lie outside by its last digits.
        ends = min(mean.value, max(low, mean.low)), max(mean.value, min(high, mean.high))
        return Interval(mean.value, *ends, mean.method)
    value = math.fsum(numbers) / len(numbers)
    if result.ceiling is not None and len(numbers) >= BCA_FROM:
        return Interval(value, *bootstrap_interval(numbers, ceiling=high))
    return Interval(value, *bounded_interval(numbers, low=low, high=high))
