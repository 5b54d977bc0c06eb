"""Families that read no embeddings, measured in another process while the others are measured here.

Half of the work on replies that are embedded already. The same function measures the same rows, so
results do not depend on where it runs.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from sfr_eval.metrics.context import Context
from sfr_eval.metrics.families import load_family
from sfr_eval.pipeline.job import Job, samples_per_prompt
from sfr_eval.stats.estimate import all_estimates
from sfr_eval.types import Estimate, MetricResult
from sfr_eval.util.workers import Workers

FAMILIES = frozenset({"text", "facts", "lexical", "quality"})
"""Those that read only texts and the suite."""

_MOST = 250_000
"""Replies of which another process may hold a copy, some 250 MB. Of more, `lexical` is divided."""


@dataclass(frozen=True)
class Apart:
    """What one family measured, and the estimates of each of its metrics."""

    results: Sequence[MetricResult]
    estimates: Mapping[str, Sequence[Estimate]]


def begin(job: Job, workers: Workers) -> tuple[frozenset[str], Callable[[], Mapping[str, Apart]]]:
    """Begin to measure the families of a job that another process can. Returns their names and what
    waits for them: none of a job that is too large, of programs, of mathematics, or judged by a
    teacher, and none where `workers` have no process for it."""
    context = job.context
    special = (context.suite.code, context.suite.math, context.teacher)
    names = [family.name for family in job.families if family.name in FAMILIES]
    if not names or len(context.samples) > _MOST or special != (None, None, None):
        return frozenset(), dict
    plain = Context(
        samples=context.samples,
        suite=context.suite,
        encoder=context.encoder.anew(),
        speaks_world=context.speaks_world,
        tokenizer=context.tokenizer,
    )
    wait = workers.begin(measured, (plain, tuple(names)))
    return (frozenset(), dict) if wait is None else (frozenset(names), wait)


def measured(task: tuple[Context, tuple[str, ...]]) -> dict[str, Apart]:
    """Measure families, in another process."""
    context, names = task
    k, personas = samples_per_prompt(context.samples), context.suite.personas
    found = {}
    for name in names:
        results = list(load_family(name).compute(context))
        estimates = {result.metric: all_estimates(result, k, personas) for result in results}
        found[name] = Apart(results, estimates)
    return found
