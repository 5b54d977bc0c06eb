"""Whether two runs may be compared: what must be equal, and how a difference is named."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from sfr_eval.comparison.runs import ScoredRun
from sfr_eval.metrics.families import NEED_CHECKPOINT
from sfr_eval.metrics.table import metric_info
from sfr_eval.types import PromptKey

SHOWN = 3
"""Prompts that a message names."""


@dataclass(frozen=True, kw_only=True)
class Mismatch:
    """One thing that should be equal and is not, with its value in each run."""

    what: str
    first: str
    second: str

    def __str__(self) -> str:
        return f"{self.what}: {self.first} and {self.second}"


def mismatches(
    first: ScoredRun, second: ScoredRun, metrics: Mapping[str, list[str]]
) -> list[Mismatch]:
    """Return all that makes numbers of two runs incomparable, the gravest first.

    Suite versions, prompts, k, every sampling field but temperature, template policy, and the
    signatures (with versions) of the compared `metrics` (suite -> ids) must be equal. Weights, run
    seeds, temperatures and machines may differ.
    """
    different: list[Mismatch] = []
    for suite in metrics:
        different += _suite(first, second, suite)
    different += _policy(first, second)
    for suite, names in metrics.items():
        for metric in names:
            different += _signature(first, second, suite, metric)
    return different


def settings(run: ScoredRun, suite: str) -> dict[str, Any]:
    """Return what must be equal of a suite's settings, by name. Sampling is absent where it is
    unknown, as in imported generations."""
    part = run.manifest.part(suite)
    return {
        f"suite {suite}: version": part.version,
        f"suite {suite}: k": part.samples,
    } | {
        f"suite {suite}: {field}": value for field, value in run.identity.sampling_of(suite).items()
    }


def policy(run: ScoredRun) -> dict[str, Any]:
    """Return what must be equal of how prompts become text, by name."""
    settings = {
        "chat template": run.identity.chat_template,
        "system role": run.identity.system_role,
    }
    return {name: value for name, value in settings.items() if value is not None}


def signature_parts(signature: str) -> dict[str, str]:
    """Return a signature as a mapping; its first part is the metric's own name."""
    parts = re.split(r"\|(?=[a-z_0-9]+:)", signature)
    return dict(part.partition(":")[::2] for part in parts[1:])


def compared_parts(metric: str, signature: str) -> dict[str, str]:
    """Return what two checkpoints must share of a signature: all but the checkpoint that read the
    replies."""
    parts = signature_parts(signature)
    info = metric_info(metric)
    if info is not None and info.family in NEED_CHECKPOINT:
        parts.pop("model", None)
    return parts


def differing(first: Mapping[str, Any], second: Mapping[str, Any]) -> Iterator[Mismatch]:
    """Yield the settings that both have and that differ."""
    for name, value in first.items():
        if name in second and second[name] != value:
            yield Mismatch(what=name, first=brief(value), second=brief(second[name]))


def prompt_mismatch(
    suite: str, first: frozenset[PromptKey], second: frozenset[PromptKey]
) -> Iterator[Mismatch]:
    """Yield a mismatch if one of two runs was given prompts that the other was not."""
    if first != second:
        yield Mismatch(
            what=f"suite {suite}: prompts",
            first=_only(first, second),
            second=_only(second, first),
        )


def brief(value: Any) -> str:
    """Return a setting as a message shows it."""
    text = str(value) if value not in ("", [], None) else "none"
    return text if len(text) <= 60 else text[:57] + "..."


def _suite(first: ScoredRun, second: ScoredRun, suite: str) -> Iterator[Mismatch]:
    yield from differing(settings(first, suite), settings(second, suite))
    yield from prompt_mismatch(suite, first.prompts[suite], second.prompts[suite])


def _policy(first: ScoredRun, second: ScoredRun) -> Iterator[Mismatch]:
    yield from differing(policy(first), policy(second))


def _signature(first: ScoredRun, second: ScoredRun, suite: str, metric: str) -> Iterator[Mismatch]:
    one, two = (compared_parts(metric, signature_of(run, suite, metric)) for run in (first, second))
    for part in sorted({*one, *two}):
        if one.get(part) != two.get(part):
            yield Mismatch(
                what=f"metric {metric}: {part}",
                first=brief(one.get(part)),
                second=brief(two.get(part)),
            )


def signature_of(run: ScoredRun, suite: str, metric: str) -> str:
    """Return the signature that the estimates of a metric carry."""
    return next(
        estimate.signature
        for (name, _, _), estimate in run.suites[suite].estimates.items()
        if name == metric
    )


def _only(own: frozenset[PromptKey], other: frozenset[PromptKey]) -> str:
    extra = sorted(f"{query}/{persona}".rstrip("/") for query, persona in own - other)
    if not extra:
        return f"{len(own)}"
    more = ", ..." if len(extra) > SHOWN else ""
    return f"{len(own)} ({len(extra)} of its own: {', '.join(extra[:SHOWN])}{more})"
