"""Estimates for subsets of the problems: by difficulty, platform, month."""

from collections.abc import Iterator, Mapping
from dataclasses import asdict, replace

from sfr_eval.stats.estimate import all_estimates
from sfr_eval.types import MetricResult, SliceEstimate


def slice_estimates(
    result: MetricResult, k: int, facets: Mapping[str, Mapping[str, str]]
) -> Iterator[SliceEstimate]:
    """Estimate over the queries of each group. `facets` maps query -> {"difficulty": "easy", ...}.

    Sorted by `by` (difficulty) and `group` (easy). Every group has its own interval over its own
    queries; whether two groups differ needs a test that corrects for their number.
    """
    for name in sorted({name for labels in facets.values() for name in labels}):
        for group in sorted({labels[name] for labels in facets.values() if name in labels}):
            queries = {query for query, labels in facets.items() if labels.get(name) == group}
            values = [value for value in result.values if value.query in queries]
            for estimate in all_estimates(replace(result, values=values), k, ()):
                yield SliceEstimate(by=name, group=group, **asdict(estimate))
