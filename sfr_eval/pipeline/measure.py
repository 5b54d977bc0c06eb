"""Samples in, results out: run the metric families, keep their values, estimate with intervals.

Where the suite has a world and the model speaks it, the same is done for replies of the world
itself. Those estimates are the truth: what a model without any collapse would get.
"""

import hashlib
import json
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from pydantic import TypeAdapter

from sfr_eval.embeddings.backends import Backend
from sfr_eval.embeddings.encoder import Encoder, LongTexts
from sfr_eval.errors import UserError
from sfr_eval.grading.verdicts import GradeSettings, Grading
from sfr_eval.judges.error_rates import corrected_estimates
from sfr_eval.metrics.context import Context
from sfr_eval.metrics.families import FAMILIES, Family, load_family
from sfr_eval.metrics.semantic import persona_similarity
from sfr_eval.metrics.sweep import summaries
from sfr_eval.metrics.table import NEED_CHECKPOINT, shown_ks
from sfr_eval.metrics.tokenizers import Tokenizer, load_tokenizer
from sfr_eval.models.checkpoint import Checkpoint, resolve, resolve_base
from sfr_eval.models.hidden_states import NO_CHECKPOINT, Forward
from sfr_eval.plan import Plan, SuitePlan
from sfr_eval.samplers.world import WorldSampler
from sfr_eval.stats.estimate import all_estimates
from sfr_eval.stats.slices import slice_estimates
from sfr_eval.store.manifest import Manifest
from sfr_eval.store.results import Notes, Results, Similarity, StatusCounts
from sfr_eval.suites.suite import Suite
from sfr_eval.thinking import answers, thoughts
from sfr_eval.types import Estimate, MetricResult, Sample, Sampling, SliceEstimate
from sfr_eval.util.files import write_atomic
from sfr_eval.util.progress import OnProgress
from sfr_eval.util.workers import Here, Workers

if TYPE_CHECKING:
    import pyarrow as pa

    from sfr_eval.judges.votes import Judged
    from sfr_eval.models.hidden_states import Forward
    from sfr_eval.store.run_folder import RunFolder

FORMAT = 1
"""Of the cached estimates of the reference distribution."""
_ESTIMATES = TypeAdapter(tuple[Estimate, ...])
TRUTH_TEMPERATURE = 1.0  # the world's own: what a perfect model of it says, undistorted
TRUTH_SEED = 7_310_581_104_417  # of no ordinary run, so that truth and run are independent draws
_NEED_ENCODER = {"semantic", "style", "population", "gated", "across"}


def score(
    samples: Sequence[Sample],
    suites: Sequence[Suite],
    *,
    folder: "RunFolder",
    manifest: Manifest,
    encoder_name: str | None,
    style_data: Path | None,
    families: Sequence[str] | None,
    cache: Path,
    encoder_backend: Backend = "float32",
    encoder_long_texts: LongTexts = "truncate",
    tokenizer: Tokenizer | None = None,
    forward: "Forward | None" = None,
    judged: "Judged | None" = None,
    workers: Workers | None = None,
    jackknife: bool = False,
    on_progress: OnProgress | None = None,
) -> Results:
    """Score a run: writes scores/<family>@<version>.parquet and returns what results.json holds.

    `families` None takes what each suite names. `tokenizer` None is words-v1. `cache` keeps
    embeddings and the truth.
    `forward` is the checkpoint, for the families that need it.
    `judged` is what judges said; their family is scored where there is any.
    Measured is the answer of each sample, without the thinking that the manifest's tags set apart.
    `jackknife`: also standard errors within prompts.
    `workers` compute lexical measures and sets of embeddings; it changes no bit who does.
    """
    tags = manifest.thinking
    before = thoughts(samples, tags)
    samples = answers(samples, tags)
    encoder = Encoder(
        encoder_name,
        cache,
        backend=encoder_backend,
        long_texts=encoder_long_texts,
        on_progress=None if on_progress is None else _named(on_progress, "encode"),
    )
    jobs = [
        _Job(
            context=Context(
                samples=[sample for sample in samples if sample.suite == suite.id],
                suite=suite,
                encoder=encoder,
                speaks_world=suite.world is not None and manifest.world == suite.id,
                style_data=style_data,
                tokenizer=tokenizer or load_tokenizer(),
                grading=_grading(suite, folder, manifest, on_progress),
                forward=forward,
                judged=judged,
                thoughts=before,
                workers=workers or Here(),
                jackknife=jackknife,
            ),
            families=_families(suite, families, judged=judged is not None),
        )
        for suite in suites
    ]
    total = sum(len(job.families) for job in jobs)
    scored: list[_Scored] = []
    done = 0
    for job in jobs:
        for family in job.families:
            if on_progress is not None:
                on_progress(f"score {job.context.suite.id} {family.name}", done, total)
            scored += [_Scored(job, family, result) for result in family.compute(job.context)]
            done += 1
    for name, rows in _by_file(scored).items():
        folder.write_scores(name, _score_table(rows))
    if on_progress is not None:
        on_progress("score", total, total)
    return _results(jobs, scored, cache)


@dataclass(frozen=True)
class _Job:
    """One suite's samples and the families that read them."""

    context: Context
    families: tuple[Family, ...]

    def estimates(self, results: Sequence[MetricResult]) -> list[Estimate]:
        found = [
            estimate
            for result in results
            for estimate in all_estimates(
                result, samples_per_prompt(self.context.samples), self.context.suite.personas
            )
        ]
        judged = self.context.judged
        return found if judged is None else [*found, *corrected_estimates(found, judged.errors)]

    def slices(self, results: Sequence[MetricResult]) -> list[SliceEstimate]:
        """pass@k by difficulty, platform and month, for the k that are shown."""
        code = self.context.suite.code
        facets = {} if code is None else {id: p.facets for id, p in code.problems.items()}
        k = samples_per_prompt(self.context.samples)
        shown = {f"pass_at_{of}" for of in shown_ks(k)}
        return [
            row
            for result in results
            if result.metric in shown
            for row in slice_estimates(result, k, facets)
        ]


@dataclass(frozen=True)
class _Scored:
    job: _Job
    family: Family
    result: MetricResult


def _grading(
    suite: Suite,
    folder: "RunFolder",
    manifest: Manifest,
    on_progress: OnProgress | None,
) -> Grading | None:
    if suite.code is None:
        return None
    return Grading(
        suite.code,
        file=folder.path / "verdicts" / f"{suite.id}.jsonl",
        settings=GradeSettings.from_config(manifest.config.stored()),
        on_progress=on_progress,
    )


def _named(on_progress: OnProgress, what: str) -> Callable[[int, int], None]:
    return lambda done, total: on_progress(what, done, total)


def _families(suite: Suite, names: Sequence[str] | None, *, judged: bool) -> tuple[Family, ...]:
    """In the order of the table, each once."""
    if names is not None:
        loaded = {name: load_family(name) for name in names}
    else:
        where = f"{suite.folder / 'suite.yaml'}: metrics:"
        loaded = {name: load_family(name, where=where) for name in suite.spec.metrics}
    if judged:
        loaded["judge"] = load_family("judge")
    return tuple(loaded[name] for name in FAMILIES if name in loaded)


def samples_per_prompt(samples: Sequence[Sample]) -> int:
    """k: the most samples that any prompt was asked for at one temperature."""
    prompts = Counter(sample.cell for sample in samples)
    return max(prompts.values(), default=0)


def _results(jobs: Sequence[_Job], scored: Sequence[_Scored], cache: Path) -> Results:
    estimates: list[Estimate] = []
    signatures: dict[str, dict[str, Any]] = {}
    notes: dict[str, dict[str, Notes]] = {}
    counted: list[StatusCounts] = []
    similarity: dict[str, dict[str, Similarity]] = {}
    sweep: dict[str, tuple[dict[str, Any], ...]] = {}
    slices: list[SliceEstimate] = []
    truth = {}
    for job in jobs:
        suite = job.context.suite
        own = [row.result for row in scored if row.job is job]
        estimates += job.estimates(own)
        counted += counts(suite.id, job.context.samples)
        for result in own:
            signatures.setdefault(result.metric, dict(result.signature))
            if result.notes:  # of one suite: its probe, its share of cut texts
                noted = Notes.model_validate(dict(result.notes))
                notes.setdefault(result.metric, {})[suite.id] = noted
        if suite.code is not None:
            slices += job.slices(own)
        if suite.personas and any(family.name == "semantic" for family in job.families):
            matrices = persona_similarity(job.context)
            similarity[suite.id] = {f"{t:g}": matrix for t, matrix in matrices.items()}
        sweep[suite.id] = tuple(summaries(own))
        if job.context.speaks_world and job.context.samples:
            # What a checkpoint makes of the truth's replies is no truth about them, and judges are
            # not asked about them.
            own_truth = [f for f in job.families if f.name not in {*NEED_CHECKPOINT, "judge"}]
            if own_truth:
                truth[suite.id] = _truth(replace(job, families=tuple(own_truth)), cache)
    results = Results(
        estimates=tuple(estimates),
        signatures=signatures,
        notes=notes,
        counts=tuple(counted),
        similarity=similarity,
        sweep=sweep,
    )
    # Keys that only some runs have.
    some = {"slices": tuple(slices), "reference": truth}
    return results.model_copy(update={name: rows for name, rows in some.items() if rows})


def counts(suite: str, samples: Sequence[Sample]) -> Iterator[StatusCounts]:
    """Count the samples of each status, by temperature."""
    for temperature in sorted({sample.temperature for sample in samples}):
        here = [sample for sample in samples if sample.temperature == temperature]
        status = Counter(sample.status for sample in here)
        yield StatusCounts(
            suite=suite,
            temperature=temperature,
            persona="",
            total=len(here),
            ok=status["ok"],
            truncated=status["truncated"],
            refused=status["refused"],
            unsupported=status["unsupported"],
            error=status["error"],
            empty=sum(sample.has_text and not sample.text.strip() for sample in here),
        )


def _truth(job: _Job, cache: Path) -> tuple[Estimate, ...]:
    """Estimates for the undialed world at temperature 1: same prompts, same k, same metrics."""
    suite = job.context.suite
    asked = {sample.prompt_key for sample in job.context.samples}
    plan = Plan(
        suites=(
            SuitePlan(
                suite=suite,
                prompts=tuple(p for p in suite.prompts() if (p.query, p.persona) in asked),
                temperatures=(TRUTH_TEMPERATURE,),
                samples=samples_per_prompt(job.context.samples),
                sampling=Sampling(temperature=TRUTH_TEMPERATURE),
            ),
        ),
        identity={"truth": suite.version},
        seed=TRUTH_SEED,
    )
    file = cache / "truth" / f"{_truth_key(job, plan)}.json"
    try:
        return _ESTIMATES.validate_json(file.read_bytes())
    except (OSError, ValueError):
        pass  # not there yet, or torn: make it
    sampler = WorldSampler([suite], dials={})
    context = replace(
        job.context,
        samples=list(sampler.sample(plan.requests())),
        judged=None,
        thoughts={},
        jackknife=False,
    )
    truth = replace(job, context=context)
    results = [result for family in job.families for result in family.compute(context)]
    estimates = tuple(truth.estimates(results))
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        write_atomic(file, json.dumps([asdict(row) for row in estimates], allow_nan=False))
    except OSError:
        pass  # a read-only cache: draw it again next time
    return estimates


def _truth_key(job: _Job, plan: Plan) -> str:
    """Everything that the truth depends on."""
    context = job.context
    part = plan.suites[0]
    names = {family.name for family in job.families}
    key = {
        "format": FORMAT,
        "suite": part.suite.version,
        "personas": list(part.suite.personas),
        "prompts": [prompt.id for prompt in part.prompts],
        "k": part.samples,
        "seed": plan.seed,
        "families": {f.name: f.version for f in job.families if f.name != "judge"},
        "tokenizer": context.tokenizer.signature,
        "encoder": (
            f"{context.encoder.fingerprint}{context.encoder.variant}"
            if names & _NEED_ENCODER
            else None
        ),
        "style_data": (
            hashlib.sha256(context.style_data.read_bytes()).hexdigest()
            if context.style_data is not None and names & {"style", "population"}
            else None
        ),
    }
    return hashlib.sha256(json.dumps(key, sort_keys=True).encode()).hexdigest()[:32]


def _by_file(scored: Sequence[_Scored]) -> dict[str, list[MetricResult]]:
    files: dict[str, list[MetricResult]] = {}
    for row in scored:
        files.setdefault(f"{row.family.name}@{row.family.version}", []).append(row.result)
    return files


def _score_table(results: Sequence[MetricResult]) -> "pa.Table":
    """All values of a family as an Arrow table; an undefined value is null and has a reason."""
    import pyarrow as pa

    rows = [(result.metric, value) for result in results for value in result.values]
    columns = {
        "metric": pa.array([metric for metric, _ in rows], pa.string()),
        "suite": pa.array([value.suite for _, value in rows], pa.string()),
        "temperature": pa.array([value.temperature for _, value in rows], pa.float64()),
        "query": pa.array([value.query for _, value in rows], pa.string()),
        "persona": pa.array([value.persona for _, value in rows], pa.string()),
        "sample_id": pa.array([value.sample_id for _, value in rows], pa.string()),
        "value": pa.array([value.value for _, value in rows], pa.float64()),
        "reason": pa.array([value.reason for _, value in rows], pa.string()),
    }
    if any(value.standard_error is not None for _, value in rows):
        columns["standard_error"] = pa.array(
            [value.standard_error for _, value in rows], pa.float64()
        )
    return pa.table(columns)


def check_subject(checkpoint: Checkpoint, families: Iterable[str]) -> None:
    """UserError before anything is drawn, if a family needs weights that are not here."""
    needing = [name for name in families if name in NEED_CHECKPOINT]
    if needing and checkpoint.folder is None:
        raise UserError(
            f"--metrics {needing[0]}: --model {checkpoint.name} has no hidden states; "
            "leave it out, or give a checkpoint"
        )


def forward_for(
    folder: Path,
    manifest: Manifest,
    families: Iterable[str],
    *,
    model: str | None = None,
    base_model: str | None = None,
    layers: Sequence[int] | None = None,
    on_progress: OnProgress | None = None,
) -> Forward | None:
    """The checkpoint behind a run folder, if one of the families needs it. `model` where it is not
    where the manifest says, or for text made elsewhere; UserError if it is not the one that wrote
    the replies."""
    names = set(families)
    if not names & NEED_CHECKPOINT:
        return None
    config = manifest.config.stored()
    name = model or config.get("model")
    if name is None:
        raise UserError(NO_CHECKPOINT)
    checkpoint = resolve(name)
    check_subject(checkpoint, sorted(names))
    if manifest.model.kind != "text" and checkpoint.fingerprint != manifest.model.fingerprint:
        raise UserError(
            f"--model {name}: is not the checkpoint that wrote these replies (other fingerprint); "
            "give that one"
        )
    base = base_model or config.get("base_model")
    template = config.get("chat_template")
    return Forward(
        checkpoint,
        base=resolve_base(base) if base else None,
        folder=folder / "hidden",
        layers=layers or config.get("layers"),
        dtype=config.get("dtype", "auto"),
        system_role=config.get("system_role", "error"),
        chat_template=Path(template) if template else None,
        trust_remote_code=config.get("trust_remote_code", False),
        on_progress=on_progress,
    )


AnyEstimate = TypeVar("AnyEstimate", bound=Estimate)


def added_to(old: Results, new: Results) -> Results:
    """Return `new` results beside those of `old` whose metrics were not measured again."""
    again = set(new.signatures)

    def kept(rows: Iterable[AnyEstimate]) -> tuple[AnyEstimate, ...]:
        return tuple(row for row in rows if row.metric not in again)

    reference = {**old.reference}
    for suite, rows in new.reference.items():
        reference[suite] = kept(old.reference.get(suite, ())) + rows
    sweep = {**old.sweep}
    for suite, summed in new.sweep.items():
        # A pair of which one metric was measured again is stale; measuring both brings it back.
        before = tuple(
            summary
            for summary in old.sweep.get(suite, ())
            if not again & {summary["quality"], summary["diversity"]}
        )
        sweep[suite] = before + summed
    update: dict[str, Any] = {
        "estimates": kept(old.estimates) + new.estimates,
        "signatures": {**old.signatures, **new.signatures},
        "notes": {**old.notes, **new.notes},
        "counts": new.counts,
        "similarity": {**old.similarity, **new.similarity},
        "sweep": sweep,
    }
    some = {"slices": kept(old.slices) + new.slices, "reference": reference}
    return old.model_copy(update=update | {name: rows for name, rows in some.items() if rows})
