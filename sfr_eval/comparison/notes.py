"""What is good to know about two runs and takes nothing from what is said of them, a line each.

Unlike warnings, notes may be left to the page where there is no room for all of them.
"""

from collections.abc import Callable, Iterator
from itertools import permutations

from sfr_eval.comparison.mismatch import NEAR_BACKENDS
from sfr_eval.comparison.runs import ScoredRun
from sfr_eval.comparison.setups import (
    apart_in,
    other_decoders,
    same_texts,
    same_weights,
    template_in_use,
)
from sfr_eval.comparison.warnings import listed_names


def notes(first: ScoredRun, second: ScoredRun) -> list[str]:
    """Return the notes on two runs."""
    return [line for check in CHECKS for line in check(first, second)]


def _weights(first: ScoredRun, second: ScoredRun) -> Iterator[str]:
    if not same_weights(first, second) or same_texts(first, second):
        return  # of equal texts there is a warning
    apart = apart_in(first, second)
    if apart in (["seed"], []):
        seeds = first.identity.seed, second.identity.seed
        yield f"Both runs are of the same weights, with seeds {seeds[0]} and {seeds[1]}."
    else:
        yield f"Both runs are of the same weights; they differ in {' and '.join(apart)}."


def _decoders(first: ScoredRun, second: ScoredRun) -> Iterator[str]:
    if decoders := other_decoders(first, second):
        yield (
            f"The decoders differ ({decoders[0]}; {decoders[1]}): what is claimed here is of "
            "checkpoint and decoder together."
        )


def _arithmetic(first: ScoredRun, second: ScoredRun) -> Iterator[str]:
    """Say that embeddings were computed in two ways that count as one."""
    for suite in _shared(first, second):
        metrics = set(first.suites[suite].metrics) & set(second.suites[suite].metrics)
        for metric in sorted(metrics):
            own = [_backend(run.estimate(suite, metric).signature) for run in (first, second)]
            if own[0] != own[1] and NEAR_BACKENDS.issuperset(own):
                yield (
                    f"{suite}: {first.label} was embedded in {own[0]}, {second.label} "
                    f"in {own[1]}, which differ by far less than the intervals: to rule that out, "
                    "score one of them again with --encoder-backend of the other."
                )
                break


def _backend(signature: str) -> str:
    return signature.partition("|encoder_backend:")[2].partition("|")[0]


def _templates(first: ScoredRun, second: ScoredRun) -> Iterator[str]:
    """Say how to ask both models with one template, if that can be done."""
    hashes = [template_in_use(run.manifest) for run in (first, second)]
    if None in hashes or hashes[0] == hashes[1]:
        return
    if any(run.manifest.model.folder is None for run in (first, second)):
        return
    bare, other = (first, second) if hashes[0] == "none" else (second, first)
    yield (
        f"To ask both with one template, run {bare.label} again with --chat-template {other.name}."
    )


def _only_one(first: ScoredRun, second: ScoredRun) -> Iterator[str]:
    for run, other in permutations((first, second)):
        if extra := [suite for suite in run.suites if suite not in other.suites]:
            yield f"Only {run.label} has {', '.join(extra)}: not compared."
        for suite in _shared(first, second):
            here, there = run.suites[suite], other.suites[suite]
            if temperatures := sorted(set(here.temperatures) - set(there.temperatures)):
                shown = ", ".join(f"{t:g}" for t in temperatures)
                yield f"{suite}: only {run.label} has T = {shown}: not compared there."
            if metrics := [metric for metric in here.metrics if metric not in there.metrics]:
                yield (
                    f"{suite}: only {run.label} has {listed_names(metrics)} ({len(metrics)} "
                    "metrics): not compared."
                )


def _shared(first: ScoredRun, second: ScoredRun) -> list[str]:
    return [suite for suite in first.suites if suite in second.suites]


CHECKS: tuple[Callable[[ScoredRun, ScoredRun], Iterator[str]], ...] = (
    _weights,
    _decoders,
    _arithmetic,
    _templates,
    _only_one,
)
