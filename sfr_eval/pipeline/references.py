"""Reference replies through a run's own metrics, and the run against them.

Many measures depend on the number of replies, so both sides are read at equal numbers, prompt by
prompt: of the side that has more, one smaller draw is measured. An average over several draws would
be steadier than the other side's single value. Then a difference and its opposite are not equally
likely where nothing differs, which the sign flips of the decision assume.
"""

import zlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from sfr_eval.comparison.against import Sides, Values, against_references
from sfr_eval.metrics.metric import Role
from sfr_eval.metrics.semantic_sets import COUNT_STABLE
from sfr_eval.metrics.table import headlines, metric_info
from sfr_eval.pipeline.job import Job, samples_per_prompt
from sfr_eval.stats.estimate import all_estimates, signature_text
from sfr_eval.store.against import Against
from sfr_eval.suites.references import References
from sfr_eval.temperature import OWN_TEMPERATURE
from sfr_eval.types import Estimate, MetricResult, PromptKey, Sample, Value

FAMILIES = frozenset(
    {"text", "facts", "lexical", "semantic", "windows", "syntax", "relevance", "gated", "reward"}
)
"""Families that read texts alone, whoever wrote them."""
NOT_OF_TEXTS = frozenset({"truncation_rate"})
AMONG_QUESTIONS = frozenset({"relevance", "gated"})
"""Families whose values depend on which questions were asked."""
_SEED = 4_096_417
_STABLE_ROLES: tuple[Role, ...] = ("quality", "style", "variety", "facts")

Replies = Mapping[PromptKey, Sequence[Sample]]


@dataclass(frozen=True, kw_only=True)
class AgainstReferences:
    """What a report shows of the references: their own estimates, and the run against them."""

    estimates: tuple[Estimate, ...]
    against: Against


def measured_references(
    job: Job, results: Iterable[MetricResult], *, run: str
) -> AgainstReferences | None:
    """Measure the references of a job and compare the run, called `run`, with them. None without
    references, or without a metric that reads texts alone."""
    references = job.context.references
    families = tuple(family for family in job.families if family.name in FAMILIES)
    if references is None or not families:
        return None
    by_temperature = _by_temperature(job.context.samples)
    sizes = _sizes(by_temperature.values(), references)
    if not sizes:
        return AgainstReferences(estimates=(), against=_too_few(references))
    small = replace(job, families=families)
    theirs = _measured(small, _samples(references, job.context.suite.id), sizes)
    stored = {result.metric: result for result in results}
    ours: dict[str, dict[float, Values]] = {}
    for t, replies in by_temperature.items():
        if _is_measured(job, replies, sizes):
            values = {m: _means(r, only=t) for m, r in stored.items() if _alike(r, theirs.get(m))}
        else:
            measured = _measured(small, replies, sizes)
            values = {m: _means(r) for m, r in measured.items() if _alike(r, theirs.get(m))}
        for metric, numbers in values.items():
            if numbers and metric not in NOT_OF_TEXTS:
                ours.setdefault(metric, {})[t] = numbers
    everywhere = set(sizes.values())
    sides = Sides(
        suite=job.context.suite.id,
        model=ours,
        references={metric: _means(result) for metric, result in theirs.items()},
        replies=everywhere.pop() if len(everywhere) == 1 else None,
    )
    against = against_references(
        sides, model=run, references=references.name, declared=job.context.suite.spec.primary
    )
    shown = [r for r in theirs.values() if _is_shown(r, job, sizes=sizes, stored=stored)]
    return AgainstReferences(estimates=_estimates(shown, job, references), against=against)


def _too_few(references: References) -> Against:
    return Against(
        name=references.name,
        headline=f"Not compared with {references.name}: no prompt has two replies on both sides",
        sentences=(
            "Variety is that of several replies to one prompt: give two references or more.",
        ),
    )


def _by_temperature(samples: Iterable[Sample]) -> dict[float, dict[PromptKey, list[Sample]]]:
    found: dict[float, dict[PromptKey, list[Sample]]] = {}
    for sample in samples:
        if sample.has_text:
            replies = found.setdefault(sample.temperature, {})
            replies.setdefault(sample.prompt_key, []).append(sample)
    return found


def _sizes(sides: Iterable[Replies], references: References) -> dict[PromptKey, int]:
    """Return the number of replies to each prompt that both sides have, two or more."""
    most: dict[PromptKey, int] = {}
    for replies in sides:
        for prompt, own in replies.items():
            most[prompt] = max(len(own), most.get(prompt, 0))
    sizes = {
        prompt: min(count, len(references.texts.get(prompt, ()))) for prompt, count in most.items()
    }
    return {prompt: size for prompt, size in sizes.items() if size > 1}


def _samples(references: References, suite: str) -> dict[PromptKey, list[Sample]]:
    """Return the references as samples, which the metrics read."""
    return {
        (query, persona): [
            Sample(
                sample_id=f"reference/{query}/{persona}/{index}",
                suite=suite,
                query=query,
                persona=persona,
                temperature=OWN_TEMPERATURE,
                index=index,
                seed=0,
                status="ok",
                text=text,
                prompt_tokens=0,
                completion_tokens=0,
            )
            for index, text in enumerate(texts)
        ]
        for (query, persona), texts in references.texts.items()
    }


def _measured(
    job: Job, replies: Replies, sizes: Mapping[PromptKey, int]
) -> dict[str, MetricResult]:
    """Measure a draw of equal size from the replies to each prompt. Judges and the grammar of a
    benchmark take no part: they know only the run."""
    drawn = [
        replace(reply, index=place)
        for prompt, size in sizes.items()
        if len(replies.get(prompt, ())) >= size
        for place, reply in enumerate(_draw(replies[prompt], size, prompt))
    ]
    context = replace(
        job.context,
        samples=drawn,
        speaks_world=False,
        teacher=None,
        judged=None,
        forward=None,
        thoughts={},
        jackknife=False,
    )
    found = [result for family in job.families for result in family.compute(context)]
    return {result.metric: result for result in found}


def _draw(replies: Sequence[Sample], size: int, prompt: PromptKey) -> list[Sample]:
    """Return `size` of the replies, drawn without replacement, in their order."""
    if len(replies) == size:
        return list(replies)
    random = np.random.default_rng([_SEED, zlib.crc32("/".join(prompt).encode())])
    return [replies[place] for place in np.sort(random.permutation(len(replies))[:size])]


def _is_measured(job: Job, replies: Replies, sizes: Mapping[PromptKey, int]) -> bool:
    """Return whether the run's own values are of just these numbers of replies, by means that the
    references have as well."""
    context = job.context
    if context.judged is not None or context.speaks_world or context.teacher is not None:
        return False
    return {prompt: len(own) for prompt, own in replies.items()} == dict(sizes) and {
        sample.prompt_key for sample in context.samples
    } == set(sizes)


def _means(result: MetricResult, *, only: float | None = None) -> dict[PromptKey, float]:
    """Return the mean of each prompt over its replies, at one temperature or at all."""
    numbers: dict[PromptKey, list[float]] = {}
    for value in result.values:
        if value.value is not None and only in (None, value.temperature):
            numbers.setdefault((value.query, value.persona), []).append(value.value)
    return {prompt: sum(own) / len(own) for prompt, own in numbers.items()}


def _alike(one: MetricResult, other: MetricResult | None) -> bool:
    """Return whether two results were measured in the same way."""
    return other is not None and signature_text(
        one.metric, one.version, one.signature
    ) == signature_text(other.metric, other.version, other.signature)


def _is_shown(
    result: MetricResult,
    job: Job,
    *,
    sizes: Mapping[PromptKey, int],
    stored: Mapping[str, MetricResult],
) -> bool:
    """Return whether the references' value belongs beside the run's own ones: measured in the same
    way, and of as many replies or by a measure that does not depend on their number."""
    metric, k = result.metric, samples_per_prompt(job.context.samples)
    info = metric_info(metric)
    if metric in NOT_OF_TEXTS or metric not in stored or not _alike(result, stored[metric]):
        return False
    asked = {sample.prompt_key for sample in job.context.samples}
    if info is not None and info.family in AMONG_QUESTIONS and asked != set(sizes):
        return False
    stable = metric in (*headlines(*_STABLE_ROLES), *COUNT_STABLE) or metric.endswith(
        ("_fixed", "_rarefied")
    )
    stable = stable or (info is not None and (info.family == "windows" or info.unit == "sample"))
    return stable or set(sizes.values()) == {k}


def _estimates(
    results: Iterable[MetricResult], job: Job, references: References
) -> tuple[Estimate, ...]:
    t = OWN_TEMPERATURE if references.temperature is None else references.temperature
    suite = job.context.suite
    return tuple(
        row
        for result in results
        for row in all_estimates(
            replace(
                result,
                values=[
                    Value(suite=suite.id, temperature=t, query=q, persona=p, value=number)
                    for (q, p), number in _means(result).items()
                ],
            ),
            references.fewest,
            suite.personas,
        )
    )
