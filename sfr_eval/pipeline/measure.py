"""Samples in, results out: runs the metric families, stores their values, estimates with intervals.

Where the suite has a synthetic benchmark and the model speaks its language, the same is done for
replies of the benchmark itself (`reference.py`).
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from sfr_eval.embeddings.encoder import Encoder
from sfr_eval.grading.verdicts import Grading
from sfr_eval.judges.panel import judged_of
from sfr_eval.metrics.context import Context
from sfr_eval.metrics.families import Family
from sfr_eval.metrics.semantic import persona_similarity
from sfr_eval.metrics.sweep import summaries
from sfr_eval.metrics.tokenizers import load_tokenizer
from sfr_eval.models.hidden_states import Forward
from sfr_eval.pipeline.job import Job, counts, suite_families
from sfr_eval.pipeline.reference import reference_estimates
from sfr_eval.report.report import write_report
from sfr_eval.settings import CodeSettings, ScoreSettings
from sfr_eval.store.manifest import Manifest
from sfr_eval.store.results import Notes, Results, Similarity, StatusCounts, SweepSummary
from sfr_eval.store.run_folder import RunFolder
from sfr_eval.suites.suite import Suite
from sfr_eval.thinking import answers, thoughts
from sfr_eval.types import Estimate, MetricResult, Sample, SliceEstimate
from sfr_eval.util.assets import cache_folder
from sfr_eval.util.progress import OnProgress
from sfr_eval.util.workers import Here, Workers

if TYPE_CHECKING:
    import pyarrow as pa


def measure_and_report(
    folder: RunFolder,
    samples: Sequence[Sample],
    suites: Sequence[Suite],
    *,
    manifest: Manifest,
    settings: ScoreSettings,
    code: CodeSettings,
    forward: Forward | None,
    workers: Workers,
    on_progress: OnProgress,
    add: bool = False,
) -> Path:
    """Measures a run, writes results.json and the report. Returns the path of the report. `add`
    keeps the stored results of metrics that are not measured again."""
    results = measure(
        samples,
        suites,
        folder=folder,
        manifest=manifest,
        settings=settings,
        code=code,
        forward=forward,
        workers=workers,
        on_progress=on_progress,
    )
    if add and folder.results_file.exists():
        results = added_to(folder.read_results(), results)
    folder.write_results(results)
    return write_report(folder)


def measure(
    samples: Sequence[Sample],
    suites: Sequence[Suite],
    *,
    folder: RunFolder,
    manifest: Manifest,
    settings: ScoreSettings,
    code: CodeSettings | None = None,
    forward: Forward | None = None,
    workers: Workers | None = None,
    cache: Path | None = None,
    on_progress: OnProgress | None = None,
) -> Results:
    """Measures a run. Writes scores/<family>@<version>.parquet; returns what results.json holds.

    Metrics read the answer of each sample, without the thinking that the manifest's tags enclose.
    `forward` is the checkpoint, for the families that need it. `workers` compute lexical metrics
    and sets of embeddings; who does changes no bit. `cache` keeps embeddings and the reference.
    """
    tags = manifest.thinking
    cache = cache or cache_folder()
    judged = judged_of(folder, manifest)
    thoughts_of, samples = thoughts(samples, tags), answers(samples, tags)
    encoder = Encoder(
        settings.encoder,
        cache,
        backend=settings.encoder_backend,
        long_texts=settings.encoder_long_texts,
        on_progress=None if on_progress is None else _named(on_progress, "encode"),
    )
    tokenizer = load_tokenizer(settings.tokenizer, window=settings.token_window)

    def grading(suite: Suite) -> Grading | None:
        if suite.code is None:
            return None
        file = folder.path / "verdicts" / f"{suite.id}.jsonl"
        return Grading(
            suite.code, file=file, settings=code or CodeSettings(), on_progress=on_progress
        )

    jobs = [
        Job(
            context=Context(
                samples=[sample for sample in samples if sample.suite == suite.id],
                suite=suite,
                encoder=encoder,
                speaks_world=suite.world is not None and manifest.world == suite.id,
                style_data=settings.style_data,
                tokenizer=tokenizer,
                grading=grading(suite),
                forward=forward,
                judged=judged,
                thoughts=thoughts_of,
                workers=workers or Here(),
                jackknife=settings.jackknife,
            ),
            families=suite_families(suite, settings.metrics, judged=judged is not None),
        )
        for suite in suites
    ]
    measured = _compute(jobs, on_progress)
    for name, results in _by_file(measured).items():
        folder.write_scores(name, _score_table(results))
    return _results(jobs, measured, cache)


@dataclass(frozen=True)
class _Measured:
    job: Job
    family: Family
    result: MetricResult


def _compute(jobs: Sequence[Job], on_progress: OnProgress | None) -> list[_Measured]:
    report = on_progress or (lambda *_: None)
    total = sum(len(job.families) for job in jobs)
    measured: list[_Measured] = []
    done = 0
    for job in jobs:
        for family in job.families:
            report(f"score {job.context.suite.id} {family.name}", done, total)
            measured += [_Measured(job, family, result) for result in family.compute(job.context)]
            done += 1
    report("score", total, total)
    return measured


def _named(on_progress: OnProgress, name: str) -> Callable[[int, int], None]:
    return lambda done, total: on_progress(name, done, total)


def _results(jobs: Sequence[Job], measured: Sequence[_Measured], cache: Path) -> Results:
    estimates: list[Estimate] = []
    signatures: dict[str, dict[str, Any]] = {}
    notes: dict[str, dict[str, Notes]] = {}
    status_counts: list[StatusCounts] = []
    similarity: dict[str, dict[str, Similarity]] = {}
    sweep: dict[str, tuple[SweepSummary, ...]] = {}
    slices: list[SliceEstimate] = []
    reference: dict[str, tuple[Estimate, ...]] = {}
    for job in jobs:
        suite = job.context.suite
        own = [row.result for row in measured if row.job is job]
        estimates += job.estimates(own)
        status_counts += counts(suite.id, job.context.samples)
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
            reference[suite.id] = reference_estimates(job, cache)
    results = Results(
        estimates=tuple(estimates),
        signatures=signatures,
        notes=notes,
        counts=tuple(status_counts),
        similarity=similarity,
        sweep=sweep,
    )
    reference = {suite: rows for suite, rows in reference.items() if rows}
    # Keys that only some runs have.
    some = {"slices": tuple(slices), "reference": reference}
    return results.model_copy(update={name: rows for name, rows in some.items() if rows})


def _by_file(measured: Sequence[_Measured]) -> dict[str, list[MetricResult]]:
    files: dict[str, list[MetricResult]] = {}
    for row in measured:
        files.setdefault(f"{row.family.name}@{row.family.version}", []).append(row.result)
    return files


def _score_table(results: Sequence[MetricResult]) -> "pa.Table":
    """Returns all values of a family as an Arrow table; an undefined one is null with a reason."""
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


AnyEstimate = TypeVar("AnyEstimate", bound=Estimate)


def added_to(old: Results, new: Results) -> Results:
    """Returns the `new` results beside those of `old` whose metrics were not measured again."""
    again = set(new.signatures)

    def others(rows: Iterable[AnyEstimate]) -> tuple[AnyEstimate, ...]:
        return tuple(row for row in rows if row.metric not in again)

    reference = {**old.reference}
    for suite, rows in new.reference.items():
        reference[suite] = others(old.reference.get(suite, ())) + rows
    sweep = {**old.sweep}
    for suite, summed in new.sweep.items():
        # A pair of which one metric was measured again is stale; measuring both brings it back.
        before = tuple(
            summary
            for summary in old.sweep.get(suite, ())
            if not again & {summary.quality, summary.diversity}
        )
        sweep[suite] = before + summed
    update: dict[str, Any] = {
        "estimates": others(old.estimates) + new.estimates,
        "signatures": {**old.signatures, **new.signatures},
        "notes": {**old.notes, **new.notes},
        "counts": new.counts,
        "similarity": {**old.similarity, **new.similarity},
        "sweep": sweep,
    }
    some = {"slices": others(old.slices) + new.slices, "reference": reference}
    return old.model_copy(update=update | {name: rows for name, rows in some.items() if rows})
