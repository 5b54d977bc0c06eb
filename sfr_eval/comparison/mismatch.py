"""Whether two runs may be compared: what must be equal, and how a difference is named."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sfr_eval.comparison.runs import ScoredRun
from sfr_eval.decoders.decoder import FILTERS
from sfr_eval.metrics.families import NEED_CHECKPOINT
from sfr_eval.metrics.table import metric_info
from sfr_eval.types import PromptKey

SHOWN = 3
"""Prompts that a message names."""

_TEMPLATE = {
    "chat template": "chat_template",
    "values for the chat template": "chat_template_kwargs",
    "date in the chat template": "template_date",
    "prompt format": "prompt_format",
}
"""How prompts become text, by the name in messages: the keys of a run's identity."""

NEAR_BACKENDS = frozenset({"float32", "bfloat16"})
"""Arithmetics of embeddings that depend on the processor, unless one is chosen. What they differ by
is far below the intervals; a warning says so."""


@dataclass(frozen=True, kw_only=True)
class Mismatch:
    """One thing that should be equal and is not, with its value in each run."""

    what: str
    first: str
    second: str

    def __str__(self) -> str:
        return f"{self.what}: {self.first} and {self.second}"

    @property
    def of_decoder(self) -> bool:
        """Whether it is a filter or penalty of sampling, which may be what is compared."""
        return self.what.rpartition(": ")[2] in FILTERS

    @property
    def of_template(self) -> bool:
        """Whether it is how prompts become text, which belongs to a model as it is used: a base
        model is asked without the template of the tuned one."""
        return self.what in _TEMPLATE

    @property
    def is_compared(self) -> bool:
        """Whether two runs may differ in it: it is part of what is compared."""
        return self.of_decoder or self.of_template


@dataclass(frozen=True, kw_only=True)
class Conditions:
    """How a run was made and measured: what must be equal for its numbers to be comparable."""

    settings: Mapping[str, Mapping[str, Any]]  # suite -> name -> value
    prompts: Mapping[str, frozenset[PromptKey]]  # by suite
    policy: Mapping[str, Any]  # how prompts become text
    signatures: Mapping[tuple[str, str], Mapping[str, str]]  # (suite, metric) -> part -> value


def conditions(run: ScoredRun, metrics: Mapping[str, Sequence[str]]) -> Conditions:
    """Return the conditions of a run for the metrics (suite -> ids) that are to be compared."""
    valued = {suite: _with_values(run, suite) for suite in metrics}
    return Conditions(
        settings={suite: settings(run, suite) for suite in metrics},
        prompts={suite: run.prompts[suite] for suite in metrics},
        policy=policy(run),
        signatures={
            (suite, metric): compared_signature(run, suite, metric)
            for suite, names in metrics.items()
            for metric in names
            if metric in valued[suite]
        },
    )


def _with_values(run: ScoredRun, suite: str) -> set[str]:
    """Return the metrics of which there is any number to compare; how an undefined one was measured
    is of no account."""
    estimates = run.suites[suite].estimates.values()
    return {row.metric for row in estimates if row.value is not None}


def mismatches(first: Conditions, second: Conditions) -> list[Mismatch]:
    """Return all that makes the numbers of two runs incomparable, the gravest first.

    Suite versions, prompts, k, every sampling field but temperature, template policy, and the
    signatures (with versions) of the compared metrics must be equal. Weights, run seeds,
    temperatures and machines may differ. What only one side has is not compared.
    """
    different: list[Mismatch] = []
    for suite, values in first.settings.items():
        if suite in second.settings:
            different += differing(values, second.settings[suite])
            different += prompt_mismatch(suite, first.prompts[suite], second.prompts[suite])
    different += differing(*_filled(first.policy, second.policy))
    for (suite, metric), parts in first.signatures.items():
        others = second.signatures.get((suite, metric), parts)
        one, two = (
            {f"metric {metric}: {part}": side.get(part) for part in sorted({*parts, *others})}
            for side in (parts, others)
        )
        different += differing(one, two)
    return different


def settings(run: ScoredRun, suite: str) -> dict[str, Any]:
    """Return what must be equal of a suite's settings, by name. Sampling is absent where it is
    unknown, as in imported generations."""
    part = run.manifest.part(suite)
    values = {"version": part.version, "k": part.samples, **run.identity.sampling_of(suite)}
    return {f"suite {suite}: {name}": value for name, value in values.items()}


def policy(run: ScoredRun) -> dict[str, Any]:
    """Return what must be equal of how prompts become text, by name."""
    identity = run.identity
    settings = {"system role": identity.system_role}
    settings |= {name: getattr(identity, key) for name, key in _TEMPLATE.items()}
    return {name: value for name, value in settings.items() if value is not None}


def compared_parts(metric: str, signature: str) -> dict[str, str]:
    """Return what two checkpoints must share of a signature, which begins with the metric's own
    name: all parts but the checkpoint that read the replies. Near arithmetics count as float32."""
    _, *fields = re.split(r"\|(?=[a-z_0-9]+:)", signature)
    parts = dict(field.partition(":")[::2] for field in fields)
    info = metric_info(metric)
    if info is not None and info.family in NEED_CHECKPOINT:
        parts.pop("model", None)
    if parts.get("encoder_backend") in NEAR_BACKENDS:
        parts["encoder_backend"] = "float32"
    return parts


def _filled(*policies: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """Yield each policy with None for what only the other says of a template: a run with a known
    template that names no values for it had none."""
    known = all("chat template" in policy for policy in policies)
    rest = [name for name in _TEMPLATE if known and any(name in policy for policy in policies)]
    for policy in policies:
        yield {**dict.fromkeys(rest), **policy}


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


def compared_signature(run: ScoredRun, suite: str, metric: str) -> dict[str, str]:
    """Return what two checkpoints must share of the signature of a metric's estimates."""
    return compared_parts(metric, run.estimate(suite, metric).signature)


def _only(own: frozenset[PromptKey], other: frozenset[PromptKey]) -> str:
    extra = sorted(f"{query}/{persona}".rstrip("/") for query, persona in own - other)
    if not extra:
        return f"{len(own)}"
    more = ", ..." if len(extra) > SHOWN else ""
    return f"{len(own)} ({len(extra)} of its own: {', '.join(extra[:SHOWN])}{more})"
