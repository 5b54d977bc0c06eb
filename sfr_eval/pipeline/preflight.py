"""Everything that can go wrong before the first token is drawn."""

import os
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sfr_eval.config import RunConfig
from sfr_eval.errors import UserError
from sfr_eval.formats.write.trackers import usable_trackers
from sfr_eval.judges.panel import JudgePanel, open_panel
from sfr_eval.metrics.families import load_family
from sfr_eval.metrics.labels import read_style_data
from sfr_eval.metrics.meanings import load_equivalence
from sfr_eval.metrics.taggers import load_tagger
from sfr_eval.metrics.tokenizers import load_tokenizer
from sfr_eval.models.checkpoint import resolve_base
from sfr_eval.pipeline.checkpoint import check_reward, check_subject
from sfr_eval.plan import Plan, differences, make_plan
from sfr_eval.samplers.subject import Subject, resolve_subject
from sfr_eval.sandbox.detect import detect
from sfr_eval.settings import ScoreSettings
from sfr_eval.store.manifest import Manifest
from sfr_eval.store.run_folder import RunFolder
from sfr_eval.suites.prompt_file import prompt_suite
from sfr_eval.suites.suite import Suite, load_suite
from sfr_eval.thinking import ThinkTags
from sfr_eval.util.assets import cache_folder, cache_open_to_others
from sfr_eval.util.files import missing_folders, writing_to
from sfr_eval.util.progress import log

_ROW_BYTES = 1_000  # a stored row of some 100 tokens, once as JSON and once in Parquet


@dataclass(frozen=True, kw_only=True)
class Preflight:
    """A run that is ready to start. Close it, since its judges are connected."""

    config: RunConfig
    suites: tuple[Suite, ...]
    own_suites: tuple[Suite, ...]  # those of `suites` that the run folder has to keep
    subject: Subject
    plan: Plan
    folder: RunFolder
    new_folders: Sequence[Path]  # that the run has to create
    thinking: ThinkTags | None  # how answers are told from thinking
    trackers: Sequence[str]
    panel: JudgePanel | None

    def close(self) -> None:
        """Close the connections of the judges."""
        if self.panel is not None:
            self.panel.close()


def preflight(config: RunConfig) -> Preflight:
    """Check all that a run needs. Raises UserError for the first thing that is missing or wrong;
    nothing has been written by then. Judges are contacted last, since only they cost time."""
    suites = tuple(
        load_suite(name, personas=config.personas, code=config.code) for name in config.suite
    )
    own = (prompt_suite(config.prompts, field=config.prompt_field),) if config.prompts else ()
    suites += own
    if len({suite.id for suite in suites}) < len(suites):
        raise UserError("--suite: the same suite is named twice")
    check_metrics(config.score)
    check_style_data(config.score, suites)
    subject = resolve_subject(config, suites)
    check_subject(subject.checkpoint, families(config.score, suites))
    check_reward(config.score, families(config.score, suites))
    if config.score.base_model is not None:
        resolve_base(config.score.base_model)
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
        shard=config.shard,
    )
    folder = run_folder(config, plan, subject)
    trackers = usable_trackers(config.track, os.environ)
    with writing_to(folder.path):
        new_folders, begun = missing_folders(folder.path), folder.manifest_file.exists()
    stored = folder.read_manifest() if begun else None
    if stored is None:
        subject.check_prompts(plan)
    check_same_plan(folder, stored, config, plan)
    thinking = think_tags(stored, subject, plan)
    if any(suite.code is not None for suite in suites):
        log(detect(unsafe=config.code.unsafe_code).line)
    check_space(folder.path, plan)
    if warning := cache_open_to_others():
        log(f"warning: {warning}")
    judging = config.judging
    return Preflight(
        config=config,
        suites=suites,
        own_suites=own,
        subject=subject,
        plan=plan,
        folder=folder,
        new_folders=new_folders,
        thinking=thinking,
        trackers=trackers,
        panel=open_panel(judging, suites, requests=config.requests) if judging.judge else None,
    )


def check_metrics(settings: ScoreSettings) -> None:
    """Raise UserError for a metric family or tokenizer that does not exist."""
    for family in settings.metrics or ():
        load_family(family)
    load_tokenizer(settings.tokenizer)
    load_equivalence(settings.equivalence, cache_folder())
    if settings.tagger is not None:
        load_tagger(settings.tagger)


def check_style_data(settings: ScoreSettings, suites: Sequence[Suite]) -> None:
    """Raise UserError, before anything is drawn or measured, for a row of --style-data that cannot
    be read or whose persona is unknown, if some family reads it."""
    if settings.style_data is None or not {"style", "population"} & families(settings, suites):
        return
    for suite in suites:
        read_style_data(settings.style_data, suite)


def families(settings: ScoreSettings, suites: Sequence[Suite]) -> set[str]:
    """Return the metric families to compute: those of --metrics, or those of the suites."""
    return set(settings.metrics or (name for suite in suites for name in suite.spec.metrics))


def run_folder(config: RunConfig, plan: Plan, subject: Subject) -> RunFolder:
    """Return --output, or a folder named after the model and the plan. Each shard has a folder of
    its own beside that one, so that all jobs of an array can be given the same command."""
    path = config.output or Path("runs") / f"{subject.checkpoint.short_name}-{plan.digest}"
    suffix = config.shard.suffix if config.shard is not None else ""
    return RunFolder(path if path.name.endswith(suffix) else path.with_name(path.name + suffix))


def check_same_plan(
    folder: RunFolder, stored: Manifest | None, config: RunConfig, plan: Plan
) -> None:
    """Raise UserError if the folder holds a run of another plan, or rows of an unknown one."""
    if stored is None:
        if any((folder.path / "samples").glob("*.jsonl")):
            raise UserError(
                f"--output {folder.path}: holds samples but no manifest.json; choose another folder"
            )
        return
    shard = None if config.shard is None else str(config.shard)
    identity = {**stored.identity.stored(), "shard": stored.shard}
    refuse_other_plan(folder.path, identity, {**plan.identity, "shard": shard})


def refuse_other_plan(folder: Path, old: Mapping[str, Any], new: Mapping[str, Any]) -> None:
    """Raise UserError if the identity of the run in a folder is not that of the new run."""
    for name, there, here in differences(old, new):
        raise UserError(
            f"--output {folder}: holds a run of another plan ({name}: {there} there, {here} here); "
            "choose another folder"
        )


def think_tags(stored: Manifest | None, subject: Subject, plan: Plan) -> ThinkTags | None:
    """Return the tags around thinking. A resumed run keeps those that are stored, since
    detecting them means loading a tokenizer."""
    if stored is not None and stored.config.think_tags == subject.config.score.think_tags:
        return stored.thinking
    return subject.think_tags(plan)


def check_space(path: Path, plan: Plan) -> None:
    """Raise UserError if the disk has no room for the rows."""
    existing = next(parent for parent in (path, *path.absolute().parents) if parent.exists())
    needed = plan.size * _ROW_BYTES
    free = shutil.disk_usage(existing).free
    if free < needed:
        raise UserError(
            f"--output {path}: the disk is full: {free / 1e6:,.1f} MB free, about "
            f"{needed / 1e6:,.1f} MB needed; make room or choose another folder"
        )
