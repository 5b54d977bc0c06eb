"""Values per prompt in, an Estimate with a 95% interval out.

The independent unit is the query. The replies of one prompt share the prompt, and the personas of
one query share the question: both come out alike, so counting them as independent makes intervals
too narrow (by 1.46x for one self-BLEU mean, reference/metrics.md 3.3). Values are therefore
averaged within a query first, and the interval is over queries.
"""

import math
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from sfr_eval.stats.bootstrap import bootstrap_interval
from sfr_eval.stats.intervals import Interval, mean_interval, standard_error
from sfr_eval.types import Estimate, MetricResult, Value

_DIGEST = re.compile(r"\b[0-9a-f]{32,}\b")


def mean_over_queries(
    result: MetricResult, *, suite: str, temperature: float, persona: str = "", k: int
) -> Estimate:
    """Mean of a metric over queries, with a two-sided 95% interval: t below 50 queries, else BCa.

    `persona` "" takes all personas, each with the same weight within a query; else one alone.
    Values of single samples are averaged within (query, persona) before that. None values are
    left out and counted in `undefined`; `n` is the number of queries that keep a value. With
    n = 1 the value has no interval. The interval is not clipped to the metric's range.
    """
    values = [
        value
        for value in result.values
        if value.suite == suite
        and value.temperature == temperature
        and persona in ("", value.persona)
    ]
    return _estimate(result, values, suite=suite, temperature=temperature, persona=persona, k=k)


def all_estimates(result: MetricResult, k: int, personas: Iterable[str]) -> list[Estimate]:
    """One Estimate for each suite and temperature in `result`: over all, then for each persona.

    A metric of whole queries has no estimate for a persona.
    """
    cells: dict[tuple[str, float, str], list[Value]] = {}
    for value in result.values:
        cells.setdefault((value.suite, value.temperature, ""), []).append(value)
        if value.persona:
            cells.setdefault((value.suite, value.temperature, value.persona), []).append(value)
    asked = dict.fromkeys(("", *personas))
    places = dict.fromkeys((suite, temperature) for suite, temperature, _ in cells)
    return [
        _estimate(
            result,
            cells[suite, temperature, persona],
            suite=suite,
            temperature=temperature,
            persona=persona,
            k=k,
        )
        for suite, temperature in places
        for persona in asked
        if (suite, temperature, persona) in cells
    ]


def query_means(values: Iterable[Value]) -> dict[str, float]:
    """Query -> mean over its personas of their mean value; queries without a value are absent."""
    prompts: dict[tuple[str, str], list[float]] = {}
    for value in values:
        if value.value is not None:
            prompts.setdefault((value.query, value.persona), []).append(value.value)
    queries: dict[str, list[float]] = {}
    for (query, _), numbers in prompts.items():
        queries.setdefault(query, []).append(math.fsum(numbers) / len(numbers))
    return {query: math.fsum(means) / len(means) for query, means in queries.items()}


def signature_text(metric: str, version: str, signature: Mapping[str, Any]) -> str:
    """`metric|version:1|tokenizer:words-v1|n:4`: equal texts mean that two numbers were measured
    in the same way. Digests are cut to 12 digits."""
    parts = [metric, f"version:{version}"]
    for key, value in signature.items():
        text = ",".join(map(str, value)) if isinstance(value, list | tuple) else str(value)
        parts.append(f"{key}:{_DIGEST.sub(lambda found: found[0][:12], text)}")
    return "|".join(parts)


def _estimate(
    result: MetricResult,
    values: Sequence[Value],
    *,
    suite: str,
    temperature: float,
    persona: str,
    k: int,
) -> Estimate:
    numbers = list(query_means(values).values())
    if result.ceiling is not None and len(numbers) > 1:
        low, high, method = bootstrap_interval(numbers, ceiling=result.ceiling)
        found: Interval | None = Interval(math.fsum(numbers) / len(numbers), low, high, method)
    else:
        found = mean_interval(numbers) if numbers else None
    reasons = dict.fromkeys(value.reason for value in values if value.value is None)
    return Estimate(
        metric=result.metric,
        version=result.version,
        suite=suite,
        temperature=temperature,
        persona=persona,
        value=found.value if found else None,
        low=found.low if found else None,
        high=found.high if found else None,
        method=found.method if found else "none: no value",
        n=len(numbers),
        k=k,
        undefined=sum(value.value is None for value in values),
        higher_is_better=result.higher_is_better,
        reason="" if numbers else "; ".join(reasons) or "no value",
        signature=signature_text(result.metric, result.version, result.signature),
        standard_error=standard_error(numbers) if len(numbers) > 1 else None,
    )
