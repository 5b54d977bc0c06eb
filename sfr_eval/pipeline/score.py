"""Measures stored samples again, without generating: a run folder, or imported generations."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from sfr_eval.errors import UserError
from sfr_eval.formats.read.folder import foreign_files, import_generations
from sfr_eval.formats.read.mapping import Fields
from sfr_eval.judges.panel import judge_and_record, open_judging, refuse_judged_otherwise
from sfr_eval.pipeline.checkpoint import check_reward, forward_for
from sfr_eval.pipeline.join_shards import join_folders
from sfr_eval.pipeline.measure import measure_and_report
from sfr_eval.pipeline.preflight import check_metrics, check_style_data, families
from sfr_eval.settings import (
    CodeSettings,
    EngineSettings,
    JudgeSettings,
    RequestSettings,
    ScoreSettings,
)
from sfr_eval.store.manifest import Manifest
from sfr_eval.store.run_folder import RunFolder
from sfr_eval.suites.stored import require_stored_suites
from sfr_eval.thinking import parse_think_tags
from sfr_eval.util.files import remove_folders
from sfr_eval.util.progress import ScoringProgress
from sfr_eval.util.workers import open_workers

READ_REWARDS = frozenset({"reward", "gated"})
"""Families for which the run's own reward model is used again."""


@dataclass(frozen=True, kw_only=True)
class Scored:
    """A run that was measured again."""

    folder: Path
    report: Path
    trouble: list[str]  # what went wrong with the judges


def score_paths(
    paths: Sequence[Path],
    settings: Mapping[str, Any],
    *,
    suite: str | None = None,
    output: Path | None = None,
    fields: Fields | None = None,
) -> Scored:
    """Open what the user named and measure it with the flat settings given.

    `paths` are a run folder, all shards of a run, which are joined in `output`, or files of
    imported generations, which become a run folder. `fields` says which fields of their rows hold
    query and persona. Folders that were created for an import are removed on a UserError.
    """
    check_metrics(ScoreSettings.from_flat(settings))
    code = CodeSettings.from_flat(settings)
    new_folders: list[Path] = []
    if len(paths) > 1 and all(path.is_dir() for path in paths):
        paths, output = [join_folders(paths, output)], None
    if files := foreign_files(paths):
        folder, new_folders = import_generations(
            files, suite=suite, output=output, code=code, fields=fields
        )
    else:
        folder = RunFolder(paths[0])
        options = {
            "--suite": suite,
            "--output": output,
            "--query-field, --persona-field": fields and (fields.query or fields.persona),
        }
        options |= {f"--{name.replace('_', '-')}": v for name, v in code.problems().items()}
        for option, value in options.items():
            if value is not None:
                raise UserError(
                    f"score {paths[0]}: {option} belongs to imported generations, not to a run"
                )
    try:
        return score(folder, settings)
    except UserError:
        remove_folders(new_folders)  # nothing was scored: leave no trace
        raise


def score(folder: RunFolder, settings: Mapping[str, Any]) -> Scored:
    """Measure a run again and write its report. `settings` overlay those that the run was made
    with. With judges and without metrics, only the judges' scores are measured.

    `model` says where the checkpoint is now, for metrics that read the replies with it again. The
    permission to run code is needed anew each time, since the folder may be somebody else's.
    """
    stored = Manifest.load(folder.path)
    suites = require_stored_suites(folder.path, stored)
    manifest = _with_tags(folder, stored, ScoreSettings.from_flat(settings))
    # Metrics are chosen anew each time, too: without --metrics, all that the suites name.
    anew = {"metrics": None, "unsafe_code": False, "trust_remote_code": False}
    chosen = set(ScoreSettings.from_flat(settings).metrics or READ_REWARDS)
    unread = {} if chosen & READ_REWARDS else {"reward_model": None, "reward_threshold": None}
    combined = {**stored.config.stored(), **anew, **unread, **settings}
    scoring = ScoreSettings.from_flat(combined)
    check_style_data(scoring, suites)
    check_reward(scoring, families(scoring, suites))
    progress = ScoringProgress()
    forward = forward_for(
        folder.path,
        manifest,
        families(scoring, suites),
        settings=scoring,
        serving=EngineSettings.from_flat(combined),
        model=settings.get("model"),
        on_progress=progress,
    )
    judging = JudgeSettings.from_flat(settings)
    requests = RequestSettings.from_flat(settings)
    with (
        open_judging(judging, suites, requests=requests) as panel,
        folder,
        open_workers(scoring.workers, ray_address=settings.get("ray_address")) as workers,
    ):
        samples = folder.sealed_samples()
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
            code=CodeSettings.from_flat(combined),
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
