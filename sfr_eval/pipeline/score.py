"""Measures stored samples again, without generating: a run folder, or imported generations."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

from sfr_eval.errors import UserError, kept_when_interrupted
from sfr_eval.formats.read.folder import foreign_files, import_runs
from sfr_eval.formats.read.names import Fields
from sfr_eval.judges.panel import judge_and_record, open_judging, refuse_judged_otherwise
from sfr_eval.pipeline.base_run import check_base_run
from sfr_eval.pipeline.checkpoint import check_reward, forward_for
from sfr_eval.pipeline.join_shards import join_folders
from sfr_eval.pipeline.measurable import check_encoder
from sfr_eval.pipeline.measure import measure_and_report
from sfr_eval.pipeline.preflight import (
    check_metrics,
    check_references,
    check_style_data,
    families,
)
from sfr_eval.settings import (
    PROMPT_SETTINGS,
    CodeSettings,
    EngineSettings,
    JudgeSettings,
    RequestSettings,
    ScoreSettings,
)
from sfr_eval.store.manifest import FILE, Manifest
from sfr_eval.store.run_folder import RunFolder
from sfr_eval.suites.stored import require_stored_suites
from sfr_eval.suites.suite import Suite
from sfr_eval.thinking import parse_think_tags
from sfr_eval.types import Sample
from sfr_eval.util.files import remove_folders
from sfr_eval.util.progress import ScoringProgress
from sfr_eval.util.workers import open_workers, usual_workers

Missing = Literal["skip", "fail"]
"""What problems without a reply are: left out, or failed."""
READ_REWARDS = frozenset({"reward", "gated"})
"""Families for which the run's own reward model is used again."""


@dataclass(frozen=True, kw_only=True)
class Scored:
    """A run that was measured again."""

    folder: Path
    report: Path
    trouble: list[str]  # what went wrong with the judges


@dataclass(frozen=True, kw_only=True)
class ScoredModels:
    """What was measured: one run, or one for each model of imported files."""

    runs: tuple[Scored, ...]
    parent: Path  # of several models' folders


def score_models(
    paths: Sequence[Path],
    settings: Mapping[str, Any],
    *,
    suite: str | None = None,
    output: Path | None = None,
    fields: Fields | None = None,
    missing: Missing = "skip",
    name_files: bool = False,
    fewest: int = 1,
) -> ScoredModels:
    """Open what the user named and measure it with the flat settings given.

    `paths` are a run folder, all shards of a run, which are joined in `output`, or files of
    imported generations, which become a run folder for each model. `fields` says what the fields of
    their rows hold, `missing` whether problems without a reply count as failed; with `name_files` a
    file whose rows name no model is a model of its own, by the file's name, and fewer models than
    `fewest` are refused. Folders that were
    created for an import are removed on a UserError.
    """
    check_metrics(ScoreSettings.from_flat(settings))
    code = CodeSettings.from_flat(settings)
    if len(paths) > 1 and all(path.is_dir() for path in paths):
        paths, output = [join_folders(paths, output)], None
    files = foreign_files(paths)
    if not files:
        _refuse_import_options(paths[0], suite, output, fields, missing, code=code)
        return ScoredModels(runs=(score(RunFolder(paths[0]), settings),), parent=paths[0])
    imported = import_runs(
        files,
        suite=suite,
        output=output,
        code=code,
        fields=fields,
        missing_fail=missing == "fail",
        name_files=name_files,
        fewest=fewest,
    )
    runs: list[Scored] = []
    try:
        for folder in imported.folders:
            runs.append(score(folder, settings))
    except UserError:
        for folders in reversed(imported.new):  # nothing was scored: leave no trace
            remove_folders(folders)
        raise
    return ScoredModels(runs=tuple(runs), parent=imported.parent)


def score_paths(paths: Sequence[Path], settings: Mapping[str, Any], **options: Any) -> Scored:
    """Do as `score_models` for a run, or files of one model."""
    scored = score_models(paths, settings, **options)
    if len(scored.runs) > 1:
        raise UserError(f"score {paths[0]}: holds replies of {len(scored.runs)} models")
    return scored.runs[0]


def _refuse_import_options(
    path: Path,
    suite: str | None,
    output: Path | None,
    fields: Fields | None,
    missing: Missing,
    *,
    code: CodeSettings,
) -> None:
    """Raise UserError for options that say how files are read, where a run is named."""
    options = {
        "--suite": suite,
        "--output": output,
        **(fields or Fields()).given,
        "--missing": missing if missing != "skip" else None,
        **{f"--{name.replace('_', '-')}": value for name, value in code.problems().items()},
    }
    for option, value in options.items():
        if value is not None:
            raise UserError(f"score {path}: {option} belongs to imported generations, not to a run")


def score(folder: RunFolder, settings: Mapping[str, Any]) -> Scored:
    """Measure a run again and write its report. `settings` overlay those that the run was made
    with. With judges and without metrics, only the judges' scores are measured.

    `model` says where the checkpoint is now, for metrics that read the replies with it again. The
    permission to run code is needed anew each time, since the folder may be somebody else's.
    """
    stored = Manifest.load(folder.path)
    for name in PROMPT_SETTINGS:
        if stored.imported is None and settings.get(name) is not None:
            raise UserError(
                f"score {folder.path}: --{name.replace('_', '-')} belongs to imported generations; "
                "a run's prompts are as they were"
            )
    suites = require_stored_suites(folder.path, stored)
    manifest = _with_tags(folder, stored, ScoreSettings.from_flat(settings))
    # Metrics are chosen anew each time, too: without --metrics, all that the suites name.
    anew = {"metrics": None, "unsafe_code": False, "trust_remote_code": False}
    chosen = set(ScoreSettings.from_flat(settings).metrics or READ_REWARDS)
    unread = {} if chosen & READ_REWARDS else {"reward_model": None, "reward_threshold": None}
    combined = {**stored.config.stored(), **anew, **unread, **settings}
    read = f"{folder.path / FILE}: config."  # what `settings` says was looked at before
    scoring = ScoreSettings.from_flat(combined, where=read)
    check_style_data(scoring, suites)
    check_reward(scoring, families(scoring, suites))
    check_references(scoring, suites)
    if stored.imported is not None:  # else the run was checked before it was drawn
        check_encoder(scoring, suites)
    if settings.get("base_run") is not None and scoring.base_run is not None:
        versions = {suite.id: suite.version for suite in suites}
        check_base_run(scoring.base_run, versions, output=folder.path)
    progress = ScoringProgress()  # draws nothing before the block below
    forward = forward_for(
        folder.path,
        manifest,
        families(scoring, suites),
        settings=scoring,
        serving=EngineSettings.from_flat(combined, where=read),
        model=settings.get("model"),
        on_progress=progress,
    )
    judging = JudgeSettings.from_flat(settings)
    requests = RequestSettings.from_flat(settings)
    with (
        kept_when_interrupted(
            "scoring", f"the samples, votes and embeddings of {folder.path} are kept"
        ),
        open_judging(judging, suites, requests=requests) as panel,
        folder,
        open_workers(
            scoring.workers or usual_workers(manifest.samples or 0),
            ray_address=settings.get("ray_address"),
        ) as workers,
        progress,
    ):
        samples = folder.sealed_samples()
        _refuse_other_queries(
            folder,
            samples,
            [suite for suite in suites if suite.code or suite.math or panel is not None],
        )
        if folder.read_manifest() != manifest:
            folder.write_manifest(manifest)
            folder.results_file.unlink(missing_ok=True)  # of texts with other parts left out
        trouble: list[str] = []
        if panel is not None:
            manifest, trouble = judge_and_record(folder, samples, suites, panel, manifest=manifest)
            if scoring.metrics is None and folder.results_file.exists():
                scoring = scoring.model_copy(update={"metrics": ("judge",)})
        report = measure_and_report(
            samples,
            suites,
            folder=folder,
            manifest=manifest,
            settings=scoring,
            code=CodeSettings.from_flat(combined, where=read),
            forward=forward,
            workers=workers,
            on_progress=progress,
            add=scoring.metrics is not None,
        )
    return Scored(folder=folder.path, report=report, trouble=trouble)


def _with_tags(folder: RunFolder, manifest: Manifest, settings: ScoreSettings) -> Manifest:
    """Return the manifest with the think-tags that this command declares."""
    if "think_tags" not in settings.model_fields_set:
        return manifest
    tags, before = parse_think_tags(settings.think_tags), manifest.thinking
    if tags == before or (tags and before and replace(tags, source=before.source) == before):
        return manifest
    refuse_judged_otherwise(folder)
    if settings.metrics and folder.results_file.exists():
        raise UserError(
            "--think-tags: changes the texts of all metrics; leave out --metrics to score all again"
        )
    return manifest.model_copy(update={"thinking": tags})


def _refuse_other_queries(
    folder: RunFolder, samples: Iterable[Sample], suites: Iterable[Suite]
) -> None:
    """Raise UserError for a reply to a query that is not in its suite, which has its tests, its
    answer, or the text that a judge reads."""
    known = {suite.id: suite.queries for suite in suites}
    for sample in samples:
        if sample.suite in known and sample.query not in known[sample.suite]:
            raise UserError(
                f"{folder.samples_file}: suite {sample.suite} has no query `{sample.query[:60]}`; "
                "repeat the command that made it"
            )
