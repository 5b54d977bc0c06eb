"""What a reader must know about two runs before believing their difference, a line each."""

from collections.abc import Callable, Iterator, Mapping

from sfr_eval.comparison.pairing import at
from sfr_eval.comparison.runs import ScoredRun
from sfr_eval.store.manifest import Manifest
from sfr_eval.types import Cell

MANY = 0.01
"""Difference of two shares of cut replies from which a reader should know."""
LISTED = 5


def cautions(
    first: ScoredRun, second: ScoredRun, unequal: Mapping[str, Mapping[Cell, int]]
) -> Iterator[str]:
    """Everything that is out of order or differs without making the runs incomparable. `unequal`:
    suite -> prompts with unequal numbers of replies."""
    for run in (first, second):
        if run.manifest.status != "complete":
            limit = run.manifest.config.limit
            why = f": only the first {limit} queries of each suite were asked" if limit else ""
            yield f"{run.label} is {run.manifest.status}{why}."
        if run.failed:
            yield (
                f"{run.label}: {run.failed:,} requests failed. Failures are not random; repeat "
                "its run command before comparing."
            )
    for suite, prompts in unequal.items():
        for t in sorted({t for t, _, _ in prompts}):
            here = at(t, prompts)
            names = sorted(f"{query}/{persona}".rstrip("/") for query, persona in here)
            more = ", ..." if len(names) > LISTED else ""
            yield (
                f"{suite}, T = {t:g}: {len(names):,} prompts have unequal numbers of replies "
                f"({', '.join(names[:LISTED])}{more}). Means over replies take equally many; "
                "values of whole prompts are left out there."
            )
    yield from _cut(first, second)
    yield from _how(first, second)
    yield from _only_one(first, second)


def _cut(first: ScoredRun, second: ScoredRun) -> Iterator[str]:
    for suite in first.suites:
        if suite not in second.suites:
            continue
        one, two = (_truncated(run, suite) for run in (first, second))
        for t in sorted(set(one) & set(two)):
            if abs(one[t] - two[t]) > MANY:
                yield (
                    f"{suite}, T = {t:g}: {one[t]:.0%} of {first.label}'s replies and "
                    f"{two[t]:.0%} of {second.label}'s were cut at max_tokens; cut texts are "
                    "not alike whole ones."
                )


def _truncated(run: ScoredRun, suite: str) -> dict[float, float]:
    totals: dict[float, list[int]] = {}
    for sample in run.samples:
        if sample.suite == suite:
            total = totals.setdefault(sample.temperature, [0, 0])
            total[0] += sample.status == "truncated"
            total[1] += 1
    return {t: cut / total for t, (cut, total) in totals.items()}


def _how(first: ScoredRun, second: ScoredRun) -> Iterator[str]:
    for run in (first, second):
        if not run.identity.sampling_is_known:
            yield f"{run.label}: how it was sampled is unknown, so it cannot be checked."
    if first.fingerprint == second.fingerprint:
        seeds = [run.identity.seed for run in (first, second)]
        if seeds[0] == seeds[1]:
            yield "Both runs are of the same weights with the same seed: one run, seen twice."
        else:
            yield f"Both runs are of the same weights, with seeds {seeds[0]} and {seeds[1]}."
    for name, read in _HOW.items():
        one, two = read(first.manifest), read(second.manifest)
        if one is not None and two is not None and one != two:
            yield (
                f"The {name} differs: {one} in {first.label}, {two} in {second.label}. "
                "Some of the difference may come from there."
            )


def _template(manifest: Manifest) -> str | None:
    return None if manifest.sampler is None else manifest.sampler.template


_HOW: dict[str, Callable[[Manifest], str | None]] = {
    "pair of think-tags": lambda manifest: manifest.thinking.name if manifest.thinking else "none",
    "engine": lambda manifest: manifest.identity.engine,
    "dtype": lambda manifest: manifest.identity.dtype,
    "hash of the chat template": _template,
}


def _only_one(first: ScoredRun, second: ScoredRun) -> Iterator[str]:
    for run, other in ((first, second), (second, first)):
        extra = [suite for suite in run.suites if suite not in other.suites]
        if extra:
            yield f"Only {run.label} has {', '.join(extra)}: not compared."
        for suite in run.suites:
            if suite not in other.suites:
                continue
            lonely = sorted(
                set(run.suites[suite].temperatures) - set(other.suites[suite].temperatures)
            )
            if lonely:
                shown = ", ".join(f"{t:g}" for t in lonely)
                yield f"{suite}: only {run.label} has T = {shown}: not compared there."
            metrics = [m for m in run.suites[suite].metrics if m not in other.suites[suite].metrics]
            if metrics:
                more = ", ..." if len(metrics) > LISTED else ""
                yield (
                    f"{suite}: only {run.label} has {', '.join(metrics[:LISTED])}{more} "
                    f"({len(metrics)} metrics): not compared."
                )
