"""Samples in, results out: runs the metric families, stores their values, estimates with intervals.

Where the suite has a synthetic benchmark and the model speaks its language, the same is done for
replies of the benchmark itself (`reference.py`).
"""

import functools
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from sfr_eval.embeddings.encoder import Encoder
from sfr_eval.grading.verdicts import Grading
from sfr_eval.judges.panel import judged_of
from sfr_eval.metrics.context import Context
from sfr_eval.metrics.meanings import load_equivalence
from sfr_eval.metrics.semantic import persona_similarity
from sfr_eval.metrics.sweep import summaries
from sfr_eval.metrics.taggers import load_tagger
from sfr_eval.metrics.tokenizers import load_tokenizer
from sfr_eval.models.hidden_states import Forward
from sfr_eval.pipeline import apart
from sfr_eval.pipeline.base_run import with_base
from sfr_eval.pipeline.checkpoint import reward_model
from sfr_eval.pipeline.job import Job, suite_families
from sfr_eval.pipeline.reference import reference_estimates
from sfr_eval.pipeline.references import measured_references
from sfr_eval.pipeline.teacher import teacher_reference
from sfr_eval.report.report import write_report
from sfr_eval.settings import CodeSettings, ScoreSettings
from sfr_eval.store.given import read_given
from sfr_eval.store.manifest import Manifest
from sfr_eval.store.results import Notes, Results, Similarity
from sfr_eval.store.run_folder import RunFolder
from sfr_eval.store.unfinished import begin, end
from sfr_eval.suites.references import references_of
from sfr_eval.suites.suite import Suite
from sfr_eval.thinking import answers, thoughts
from sfr_eval.types import Estimate, MetricResult, Sample
from sfr_eval.util.assets import cache_folder
from sfr_eval.util.progress import OnProgress, waiting
from sfr_eval.util.workers import Here, Workers

if TYPE_CHECKING:
    import pyarrow as pa


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
    """Measure a run. Writes scores/<family>@<version>.parquet; returns what results.json holds.

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
        on_progress=on_progress and functools.partial(on_progress, "encode"),
    )
    tokenizer = load_tokenizer(settings.tokenizer)
    equivalence = load_equivalence(
        settings.equivalence,
        cache,
        on_progress=on_progress and functools.partial(on_progress, "compare replies"),
    )
    reward = reward_model(settings, cache, on_progress=on_progress)
    given = read_given(folder.path)

    def grading(suite: Suite) -> Grading | None:
        if suite.code is None:
            return None
        file = folder.path / "verdicts" / f"{suite.id}.jsonl"
        rules = code or CodeSettings()
        return Grading(suite.code, file=file, settings=rules, on_progress=on_progress)

    references = {suite.id: references_of(suite, settings.references) for suite in suites}
    teachers = {
        suite.id: teacher_reference(
            suite,
            [sample for sample in samples if sample.suite == suite.id],
            manifest=manifest,
            cache=cache,
            thinks=bool(thoughts_of),
            on_progress=on_progress,
        )
        for suite in suites
    }
    jobs = [
        Job(
            context=Context(
                samples=[sample for sample in samples if sample.suite == suite.id],
                suite=suite,
                encoder=encoder,
                speaks_world=suite.world is not None and manifest.world == suite.id,
                style_data=settings.style_data,
                tokenizer=replace(
                    tokenizer,
                    window=suite.spec.window(settings.token_window),
                    plain=suite.code is None,
                ),
                equivalence=equivalence,
                load_tagger=functools.partial(load_tagger, settings.tagger),
                grading=grading(suite),
                forward=forward,
                judged=judged,
                reward=reward,
                references=references[suite.id],
                teacher=teachers[suite.id],
                given=given,
                thoughts=thoughts_of,
                workers=workers or Here(),
                jackknife=settings.jackknife,
            ),
            families=suite_families(
                suite,
                settings.metrics,
                judged=judged is not None,
                rewarded=reward is not None,
                referenced=references[suite.id] is not None,
            ),
        )
        for suite in suites
    ]
    measured = list(_compute(jobs, on_progress))
    if folder.results_file.exists():
        begin(folder.path, {result.metric for job in measured for result in job.results})
    for name in {name: None for job in measured for name in job.files}:
        folder.write_scores(name, _score_table([job.files.get(name, []) for job in measured]))
    run = Path(manifest.name).name or folder.path.name
    return _results(measured, cache, run=run, on_progress=on_progress)


@dataclass(frozen=True)
class _MeasuredJob:
    job: Job
    files: Mapping[str, Sequence[MetricResult]]  # <family>@<version> -> its results
    estimates: Mapping[str, Sequence[Estimate]]  # metric -> its estimates, of those measured apart

    @property
    def results(self) -> list[MetricResult]:
        return [result for results in self.files.values() for result in results]


def _compute(jobs: Sequence[Job], on_progress: OnProgress | None) -> Iterator[_MeasuredJob]:
    report = on_progress or (lambda *_: None)
    total = sum(len(job.families) for job in jobs)
    done = 0
    for job in jobs:
        suite = job.context.suite.id
        elsewhere, wait = apart.begin(job, job.context.workers)
        measured: dict[str, Sequence[MetricResult]] = {}
        for family in job.families:
            if family.name not in elsewhere:
                report(f"score {suite} {family.name}", done, total)
                measured[family.name] = list(family.compute(job.context))
                done += 1
        if elsewhere:
            report(f"score {suite} {', '.join(sorted(elsewhere))}", done, total)
            done += len(elsewhere)
        found = wait()
        measured |= {name: family.results for name, family in found.items()}
        files = {f"{each.name}@{each.version}": measured[each.name] for each in job.families}
        estimates = {
            metric: rows for family in found.values() for metric, rows in family.estimates.items()
        }
        yield _MeasuredJob(job, files, estimates)
    report("score", total, total)


def _results(
    measured: Sequence[_MeasuredJob], cache: Path, *, run: str, on_progress: OnProgress | None
) -> Results:
    signatures: dict[str, dict[str, Any]] = {}
    notes: dict[str, dict[str, Notes]] = {}
    similarity: dict[str, dict[str, Similarity]] = {}
    for part in measured:
        suite = part.job.context.suite
        for result in part.results:
            signatures.setdefault(result.metric, dict(result.signature))
            if result.notes:  # of one suite: its probe, its share of cut texts
                suite_notes = Notes.model_validate(dict(result.notes))
                notes.setdefault(result.metric, {})[suite.id] = suite_notes
        if suite.personas and any(family.name == "semantic" for family in part.job.families):
            matrices = persona_similarity(part.job.context)
            similarity[suite.id] = {f"{t:g}": matrix for t, matrix in matrices.items()}
    results = Results(
        estimates=tuple(
            row
            for part in measured
            for row in part.job.estimates(
                part.results, known=part.estimates, on_progress=on_progress
            )
        ),
        signatures=signatures,
        notes=notes,
        counts=tuple(row for part in measured for row in part.job.counts()),
        similarity=similarity,
        sweep={part.job.context.suite.id: tuple(summaries(part.results)) for part in measured},
    )
    references = {
        part.job.context.suite.id: reference_estimates(
            part.job, part.results, cache, on_progress=on_progress
        )
        for part in measured
    }
    replies = {
        part.job.context.suite.id: found
        for part in measured
        if (found := measured_references(part.job, part.results, run=run)) is not None
    }
    shown = {s: r for s, r in replies.items() if r.estimates and not references[s].estimates}
    some = {  # keys that only some runs have
        "slices": tuple(row for part in measured for row in part.job.slices(part.results)),
        "paired": {s: r.differences for s, r in references.items() if r.differences},
        "reference": {s: r.estimates for s, r in references.items() if r.estimates}
        | {suite: found.estimates for suite, found in shown.items()},
        "reference_of": {suite: found.against.name for suite, found in shown.items()},
        "against": {suite: (found.against,) for suite, found in replies.items()},
    }
    return results.model_copy(update={name: rows for name, rows in some.items() if rows})


def _score_table(results: Iterable[Sequence[MetricResult]]) -> "pa.Table":
    """Return all values of a family as an Arrow table; an undefined one is null with a reason."""
    import pyarrow as pa

    rows = [(each.metric, value) for part in results for each in part for value in each.values]
    columns = {"metric": pa.array([metric for metric, _ in rows], pa.string())}
    for name in ("suite", "temperature", "query", "persona", "sample_id", "value", "reason"):
        kind = pa.float64() if name in ("temperature", "value") else pa.string()
        columns[name] = pa.array([getattr(value, name) for _, value in rows], kind)
    errors = [value.standard_error for _, value in rows]
    if any(error is not None for error in errors):
        columns["standard_error"] = pa.array(errors, pa.float64())
    return pa.table(columns)


def measure_and_report(
    samples: Sequence[Sample],
    suites: Sequence[Suite],
    *,
    folder: RunFolder,
    manifest: Manifest,
    settings: ScoreSettings,
    code: CodeSettings,
    forward: Forward | None,
    workers: Workers,
    on_progress: OnProgress,
    add: bool = False,
) -> Path:
    """Measure a run, write results.json and the report. Returns the path of the report. `add` keeps
    the stored results of metrics that are not measured again; the rest is as for `measure`."""
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
    seen = manifest.looked_at()
    if seen != manifest:  # before there are results: what is read has been counted as a look
        folder.write_manifest(seen)
    add = add and folder.results_file.exists()
    old = Results.load(folder.path, interrupted=True) if add else None
    folder.write_results(results if old is None else added_to(old, results))
    end(folder.path, results.signatures if add else None)
    if settings.base_run is not None:
        with waiting(f"comparing with {settings.base_run}"):
            folder.write_results(with_base(folder, settings.base_run))
    return write_report(folder, on_progress=on_progress)


AnyEstimate = TypeVar("AnyEstimate", bound=Estimate)


def added_to(old: Results, new: Results) -> Results:
    """Return the `new` results beside those of `old` whose metrics were not measured again."""
    again = set(new.signatures)

    def others(rows: Iterable[AnyEstimate]) -> tuple[AnyEstimate, ...]:
        return tuple(row for row in rows if row.metric not in again)

    reference = {
        suite: others(old.reference.get(suite, ())) + rows for suite, rows in new.reference.items()
    }
    paired = {s: others(old.paired.get(s, ())) + rows for s, rows in new.paired.items()}
    sweep = {
        # A pair of which one metric was measured again is stale; measuring both brings it back.
        suite: (
            *(row for row in old.sweep.get(suite, ()) if not again & {row.quality, row.diversity}),
            *rows,
        )
        for suite, rows in new.sweep.items()
    }
    decided = {
        # Without a primary row, of a few families, it says less than what is there.
        suite: rows
        for suite, rows in new.against.items()
        if suite not in old.against or any(row.role for one in rows for row in one.rows)
    }
    some = {
        "slices": others(old.slices) + new.slices,
        "reference": {**old.reference, **reference},
        "paired": {**old.paired, **paired},
        "reference_of": {**old.reference_of, **new.reference_of},
        "against": {**old.against, **decided},
    }
    update: dict[str, Any] = {
        "estimates": others(old.estimates) + new.estimates,
        "signatures": {**old.signatures, **new.signatures},
        "notes": {**old.notes, **new.notes},
        "counts": new.counts,
        "similarity": {**old.similarity, **new.similarity},
        "sweep": {**old.sweep, **sweep},
        **{name: rows for name, rows in some.items() if rows},
    }
    return old.model_copy(update=update)
