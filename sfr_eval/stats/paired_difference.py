"""What a run has more than its reference, query by query."""

from collections.abc import Iterator, Sequence
from dataclasses import replace

from sfr_eval.stats.estimate import all_estimates, query_means
from sfr_eval.types import Estimate, MetricResult, Value


def paired_differences(
    run: Sequence[MetricResult], reference: Sequence[MetricResult]
) -> Iterator[Estimate]:
    """Yield run minus reference for each metric and temperature of the run, with a 95 % interval
    over the queries that have both values.

    The reference has one temperature. What makes a query easy or hard is in both values and
    cancels, so the interval is that of the draws alone: t below 50 queries, BCa from 50.
    """
    by_metric = {result.metric: query_means(result.values) for result in reference}
    for result in run:
        if result.unit == "set" or not result.values or result.metric not in by_metric:
            continue
        theirs = by_metric[result.metric]
        values = [
            Value(
                suite=result.values[0].suite, temperature=t, query=query, value=ours - theirs[query]
            )
            for t in sorted({value.temperature for value in result.values})
            for query, ours in query_means(v for v in result.values if v.temperature == t).items()
            if query in theirs
        ]
        if values:
            unbounded = replace(result, values=values, range=None, outcomes=False, ceiling=None)
            yield from all_estimates(unbounded, 0, ())
