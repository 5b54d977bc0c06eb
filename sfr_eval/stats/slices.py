"""The same estimate for parts of the problems: by difficulty, platform, month."""

from collections.abc import Iterator, Mapping
from dataclasses import asdict, replace
from typing import Any

from sfr_eval.stats.estimate import all_estimates
from sfr_eval.types import MetricResult


def slice_estimates(
    result: MetricResult, k: int, facets: Mapping[str, Mapping[str, str]]
) -> Iterator[dict[str, Any]]:
    """Estimates over the queries of each group. `facets`: query -> {"difficulty": "easy", ...}.

    Yields the fields of an Estimate with `by` (difficulty) and `group` (easy), in the order of the
    names and of the groups. Every group has an interval of its own over its own queries; that one
    group differs from another needs a test with correction for their number.
    """
    names = sorted({name for of in facets.values() for name in of})
    for name in names:
        for group in sorted({of[name] for of in facets.values() if name in of}):
            inside = {query for query, of in facets.items() if of.get(name) == group}
            values = [value for value in result.values if value.query in inside]
            for estimate in all_estimates(replace(result, values=values), k, ()):
                yield {"by": name, "group": group, **asdict(estimate)}
