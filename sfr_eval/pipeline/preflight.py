"""Everything that can go wrong before the first token is drawn."""

import os
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from sfr_eval.config import RunConfig
from sfr_eval.decoders.decoder import Point, SamplingChoice, point_label, points
from sfr_eval.decoders.presets import find_preset
from sfr_eval.errors import UserError
from sfr_eval.formats.write.trackers import usable_trackers
from sfr_eval.judges.panel import JudgePanel, open_panel
from sfr_eval.metrics.families import load_family
from sfr_eval.metrics.labels import read_style_data
from sfr_eval.metrics.meanings import load_equivalence
from sfr_eval.metrics.taggers import load_tagger
from sfr_eval.metrics.tokenizers import load_tokenizer
from sfr_eval.models.checkpoint import resolve_base
from sfr_eval.pipeline.base_run import check_base_run
from sfr_eval.pipeline.checkpoint import check_reward, check_subject
from sfr_eval.pipeline.measurable import check_encoder, check_suite_metrics, check_teacher
from sfr_eval.plan import Plan, differences, make_plan
from sfr_eval.samplers.prompt_checks import prompt_warnings
from sfr_eval.samplers.subject import Subject, resolve_subject, with_prompt_format
from sfr_eval.sandbox.detect import detect
from sfr_eval.settings import ScoreSettings
from sfr_eval.store.manifest import Manifest, PresetFacts
from sfr_eval.store.run_folder import RunFolder
from sfr_eval.store.sweep_folder import refuse_run_in, refuse_sweep_in
from sfr_eval.suites.prompt_file import prompt_suite
from sfr_eval.suites.references import references_of
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


def preflight(config: RunConfig, *, weights: bool = True) -> Preflight:
    """Check all that a run needs. Raises UserError for the first thing that is missing or wrong;
    nothing has been written by then. Judges are contacted last, since only they cost time.
    `weights`: see `check_plan`."""
    model = check_model(config)
    return with_judges(check_plan(model, model.config, weights=weights))


def preflight_sweep(config: RunConfig) -> tuple[Path, list[Preflight]]:
    """Check the runs of all decoders of a sweep, as `preflight` does. Return the folder of the
    sweep and its runs, of which the first holds the judges."""
    assert config.sweep is not None
    model, decoders = check_model(config), list(points(config.sweep))
    folder = config.output or _default_sweep_folder(model, decoders[0])
    refuse_run_in(folder)
    runs = [
        check_plan(
            model,
            _with_decoder(model.config, point, folder / point_label(point)),
            prompts=point == decoders[0],  # which are those of all
        )
        for point in decoders
    ]
    return folder, [with_judges(runs[0]), *runs[1:]]


@dataclass(frozen=True, kw_only=True)
class Model:
    """What all decoders of a sweep share: suites, and the model that answers."""

    config: RunConfig  # with what the suites ask for
    suites: tuple[Suite, ...]
    own_suites: tuple[Suite, ...]
    subject: Subject
    trackers: Sequence[str]


def check_model(config: RunConfig) -> Model:
    """Check everything that does not depend on the decoder."""
    suites = tuple(
        load_suite(
            name,
            personas=config.personas,
            code=config.code,
            sees=config.teaching.student_sees,
        )
        for name in config.suite
    )
    if config.personas and config.prompts and not config.suite:
        raise UserError(
            "--personas: a file of prompts has none; put a system message into its rows"
        )
    own = (prompt_suite(config.prompts, field=config.prompt_field),) if config.prompts else ()
    suites += own
    if len({suite.id for suite in suites}) < len(suites):
        raise UserError("--suite: the same suite is named twice")
    config = with_prompt_format(config, suites)
    check_metrics(config.score)
    check_suite_metrics(config.score, suites)
    check_encoder(config.score, suites)
    check_style_data(config.score, suites)
    check_references(config.score, suites)
    check_teacher(config.teaching, suites, serving=config.serving)
    subject = resolve_subject(config, suites)
    check_subject(subject.checkpoint, families(config.score, suites))
    check_reward(config.score, families(config.score, suites))
    if config.score.base_model is not None:
        resolve_base(config.score.base_model)
    if left_out := choice(config, subject).left_out:
        shown = ", ".join(f"{name}={_shown(value)}" for name, value in left_out.items())
        log(
            f"note: --sampling model: generation_config.json also sets {shown}, which no engine "
            "here applies; drawn without"
        )
    if facts := preset_facts(config):
        changes = f", changed: {', '.join(facts.changed)}" if facts.changed else ""
        log(f"preset {facts.name}{changes} ({facts.source})")
    trackers = usable_trackers(config.track, os.environ)
    if any(suite.code is not None for suite in suites):
        log(detect(unsafe=config.code.unsafe_code).line)
    if warning := cache_open_to_others():
        log(f"warning: {warning}")
    return Model(config=config, suites=suites, own_suites=own, subject=subject, trackers=trackers)


def check_plan(
    model: Model, config: RunConfig, *, prompts: bool = True, weights: bool = True
) -> Preflight:
    """Plan the run of one decoder and check its folder, and its prompts unless that was done.
    `weights`: whether those of the folder are the model's, as they are not of one in memory."""
    suites, subject = model.suites, model.subject
    config = with_prompt_format(config, suites)
    plan = plan_run(model, config)
    subject.check_sampling(plan)
    folder = run_folder(config, plan, subject)
    if config.score.base_run is not None:
        versions = {suite.id: suite.version for suite in suites}
        check_base_run(config.score.base_run, versions, output=folder.path)
    with writing_to(folder.path):
        new_folders, begun = _new_folders(folder.path), folder.manifest_file.exists()
    stored = folder.read_manifest() if begun else None
    if stored is None and prompts:
        subject.check_prompts(plan)
        for line in prompt_warnings(subject, plan):
            if line not in subject.said:  # of another decoder of a sweep
                log(f"warning: {line}")
            subject.said.add(line)
        subject.check_engine(plan, weights=weights)
    check_same_plan(folder, stored, config, plan)
    thinking = think_tags(stored, subject, plan)
    check_space(folder.path, plan)
    return Preflight(
        config=config,
        suites=suites,
        own_suites=model.own_suites,
        subject=subject,
        plan=plan,
        folder=folder,
        new_folders=new_folders,
        thinking=thinking,
        trackers=model.trackers,
        panel=None,
    )


def _new_folders(path: Path) -> list[Path]:
    """Return the folders that the run has to create. One that holds only the engine's log of a run
    that failed before anything was drawn counts as new."""
    if path.is_dir() and [file.name for file in path.iterdir()] == ["logs"]:
        return [path]
    return missing_folders(path)


def with_judges(ready: Preflight) -> Preflight:
    """Return the run with its judges connected, if it has any."""
    judging, requests = ready.config.judging, ready.config.requests
    if not judging.judge:
        return ready
    return replace(ready, panel=open_panel(judging, ready.suites, requests=requests))


def plan_run(model: Model, config: RunConfig) -> Plan:
    """Return the plan of the run of one decoder."""
    return make_plan(
        model.suites,
        subject=model.subject.identity,
        sampling=choice(config, model.subject),
        samples=config.samples,
        temperatures=config.temperatures,
        max_tokens=config.max_tokens,
        limit=config.limit,
        seed=config.seed,
        shard=config.shard,
    )


def choice(config: RunConfig, subject: Subject) -> SamplingChoice:
    """Return what a run says about its decoder."""
    return SamplingChoice(
        chosen=config.filters,
        policy=config.sampling,
        generation_config=subject.generation_config,  # read in any case: damage is found now
    )


def preset_facts(config: RunConfig) -> PresetFacts | None:
    """Return what a manifest records of the preset, and what of it the run changed."""
    if config.preset is None:
        return None
    preset = find_preset(config.preset)
    required = {"model": config.model, "suite": config.suite}
    published = RunConfig.model_validate({**required, **preset.settings}).flat()
    here = config.flat()
    return PresetFacts(
        name=config.preset,
        source=preset.source,
        changed=tuple(name for name in preset.settings if here[name] != published[name]),
    )


def _shown(value: Any) -> str:
    text = str(value)
    return text if len(text) <= 30 else text[:27] + "..."


def _with_decoder(config: RunConfig, point: Point, output: Path) -> RunConfig:
    """Return the settings of the run of one decoder of a sweep."""
    filters = config.filters.model_copy(update=dict(point))
    return config.model_copy(update={"filters": filters, "sweep": None, "output": output})


def _default_sweep_folder(model: Model, point: Point) -> Path:
    """Return a folder named after the model and the plan without the swept values, so that a sweep
    with more values resumes there."""
    plan = plan_run(model, _with_decoder(model.config, point, Path()))
    sampling = {
        suite: {name: value for name, value in fields.items() if name not in point}
        for suite, fields in plan.identity["sampling"].items()
    }
    identity = {**plan.identity, "sampling": sampling, "sweep": sorted(point)}
    digest = replace(plan, identity=identity).digest
    return Path("runs") / f"{model.subject.checkpoint.short_name}-sweep-{digest}"


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
        labelled = read_style_data(settings.style_data, suite)
        lacking = [persona for persona in suite.personas if persona not in labelled.personas]
        if lacking and labelled.texts:
            log(
                f"--style-data {settings.style_data}: holds no replies of {', '.join(lacking)}: "
                "style is not measured of them"
            )


def check_references(settings: ScoreSettings, suites: Sequence[Suite]) -> None:
    """Raise UserError, before anything is drawn or measured, for reference replies that cannot be
    read or fit no question; log how many rows are left out."""
    found = {suite.id: references_of(suite, settings.references) for suite in suites}
    for suite, references in found.items():
        if references is not None and references.unmatched:
            log(
                f"--references {settings.references}: {references.unmatched:,} rows name no "
                f"question of suite {suite} and are left out"
            )
    if settings.references is not None and not any(found.values()):
        raise UserError(f"--references {settings.references}: programs are graded by tests instead")
    if "references" in (settings.metrics or ()) and not any(found.values()):
        raise UserError("--metrics references: needs reference replies; pass --references FILE")


def families(settings: ScoreSettings, suites: Sequence[Suite]) -> set[str]:
    """Return the metric families to compute: those of --metrics, or those of the suites."""
    return set(settings.metrics or (name for suite in suites for name in suite.spec.metrics))


def run_folder(config: RunConfig, plan: Plan, subject: Subject) -> RunFolder:
    """Return --output, or a folder named after the model and the plan. Each shard has a folder of
    its own beside that one, so that all jobs of an array can be given the same command."""
    path = config.output or Path("runs") / f"{subject.checkpoint.short_name}-{plan.digest}"
    suffix = config.shard.suffix if config.shard is not None else ""
    refuse_sweep_in(path)
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
    usage = shutil.disk_usage(existing)
    if usage.total == 0:  # /proc and the like, which hold no files
        raise UserError(f"--output {path}: cannot be written; choose another folder")
    if (free := usage.free) < needed:
        raise UserError(
            f"--output {path}: the disk is full: {free / 1e6:,.1f} MB free, about "
            f"{needed / 1e6:,.1f} MB needed; make room or choose another folder"
        )
