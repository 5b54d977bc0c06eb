"""The reference distribution: estimates for replies of the synthetic benchmark itself, or of the
teacher, which are what a model without any collapse would get. Kept in the cache."""

import hashlib
import json
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter

from sfr_eval.metrics.context import Context
from sfr_eval.metrics.families import NEED_CHECKPOINT, NEED_NO_ENCODER
from sfr_eval.pipeline.job import Job, samples_per_prompt
from sfr_eval.plan import Plan, SuitePlan
from sfr_eval.samplers.world import WorldSampler
from sfr_eval.stats.paired_difference import paired_differences
from sfr_eval.types import Estimate, MetricResult, Sample, Sampling
from sfr_eval.util.files import write_atomic
from sfr_eval.util.progress import OnProgress
from sfr_eval.util.untrusted import plain_bytes

FORMAT = 1  # of the cached estimates
TEMPERATURE = 1.0  # where a perfect model of the benchmark samples its distribution undistorted
SEED = 7_310_581_104_417  # of no ordinary run, so that reference and run are independent draws
_ESTIMATES = TypeAdapter(tuple[Estimate, ...])


@dataclass(frozen=True, kw_only=True)
class Beside:
    """What stands beside the estimates of a run."""

    estimates: tuple[Estimate, ...] = ()  # of the reference distribution
    differences: tuple[Estimate, ...] = ()  # run minus teacher, paired by query


def reference_estimates(
    job: Job,
    results: Sequence[MetricResult],
    cache: Path,
    *,
    on_progress: OnProgress | None = None,
) -> Beside:
    """Return the estimates for the undialed benchmark at temperature 1, or for the teacher: same
    prompts, same k, same metrics; and with a teacher, how the run's `results` differ from them.
    Nothing for a model that does not speak the benchmark's language. Left out are families that
    need the checkpoint, since its reading of replies that are not its own is no reference, and
    judges, who would have to be asked."""
    left_out = {*NEED_CHECKPOINT, "judge", "teacher"}  # the last one compares with the reference
    families = tuple(f for f in job.families if f.name not in left_out)
    teacher = job.context.teacher
    known = teacher is not None or job.context.speaks_world
    if not (families and job.context.samples and known):
        return Beside()
    plan = _plan(job)
    job = replace(job, families=families)
    if teacher is not None:  # whose replies are kept; measuring them again costs seconds
        prompts = [(prompt.query, prompt.persona) for prompt in plan.suites[0].prompts]
        own = teacher.first(plan.suites[0].samples, prompts)
        job = replace(job, context=_context(job, own))
        reference = _results(job, on_progress)
        return Beside(
            estimates=tuple(job.estimates(reference)),
            differences=tuple(paired_differences(results, reference)),
        )
    file = cache / "truth" / f"{_key(job, plan)}.json"
    with suppress(OSError, ValueError):  # not there yet, or torn: make it
        return Beside(estimates=_ESTIMATES.validate_json(plain_bytes(file)))
    sampler = WorldSampler([job.context.suite], dials={})
    job = replace(job, context=_context(job, list(sampler.sample(plan.requests()))))
    estimates = tuple(job.estimates(_results(job, on_progress)))
    with suppress(OSError):  # a read-only cache: draw it again next time
        file.parent.mkdir(parents=True, exist_ok=True)
        write_atomic(file, json.dumps([asdict(row) for row in estimates], allow_nan=False))
    return Beside(estimates=estimates)


def _context(job: Job, samples: Sequence[Sample]) -> Context:
    return replace(job.context, samples=samples, judged=None, thoughts={}, jackknife=False)


def _results(job: Job, on_progress: OnProgress | None) -> list[MetricResult]:
    report = on_progress or (lambda *_: None)
    results: list[MetricResult] = []
    for done, family in enumerate(job.families):
        report(f"reference {family.name}", done, len(job.families))
        results += family.compute(job.context)
    report("reference", len(job.families), len(job.families))
    return results


def _plan(job: Job) -> Plan:
    suite = job.context.suite
    prompts = {sample.prompt_key for sample in job.context.samples}
    return Plan(
        suites=(
            SuitePlan(
                suite=suite,
                prompts=tuple(p for p in suite.prompts() if (p.query, p.persona) in prompts),
                temperatures=(TEMPERATURE,),
                samples=samples_per_prompt(job.context.samples),
                sampling=Sampling(temperature=TEMPERATURE),
            ),
        ),
        identity={"truth": suite.version},
        seed=SEED,
    )


def _key(job: Job, plan: Plan) -> str:
    """Hash everything that the estimates depend on."""
    context = job.context
    part = plan.suites[0]
    names = {family.name for family in job.families}
    encoder = style_data = tagger = None
    if names - NEED_NO_ENCODER:
        encoder = f"{context.encoder.fingerprint}{context.encoder.variant}"
    if "syntax" in names:
        found = context.load_tagger()
        tagger = found if isinstance(found, str) else found.signature
    if context.style_data is not None and names & {"style", "population"}:
        style_data = hashlib.sha256(plain_bytes(context.style_data)).hexdigest()
    key = {
        "format": FORMAT,
        "suite": part.suite.version,
        "personas": list(part.suite.personas),
        "prompts": [prompt.id for prompt in part.prompts],
        "k": part.samples,
        "seed": plan.seed,
        "families": {family.name: family.version for family in job.families},
        "tokenizer": context.tokenizer.signature,
        "encoder": encoder,
        "tagger": tagger,
        "equivalence": context.equivalence.signature,
        "style_data": style_data,
        "reward": _reward_signature(context),
    }
    return hashlib.sha256(json.dumps(key, sort_keys=True).encode()).hexdigest()[:32]


def _reward_signature(context: Context) -> dict[str, Any] | None:
    reward = context.reward
    return None if reward is None else {**reward.signature, "from": reward.threshold}
