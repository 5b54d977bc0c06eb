"""Score again without generating: a run folder, or files of text made elsewhere."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sfr_eval.embeddings.backends import Backend
from sfr_eval.embeddings.encoder import LongTexts
from sfr_eval.errors import UserError
from sfr_eval.formats.read.folder import foreign_files, import_generations
from sfr_eval.formats.read.mapping import Fields
from sfr_eval.judges.panel import judge_and_record, judged_of, open_judging, refuse_judged_otherwise
from sfr_eval.metrics.families import load_family
from sfr_eval.metrics.tokenizers import DEFAULT, load_tokenizer
from sfr_eval.pipeline.measure import added_to, forward_for, score
from sfr_eval.report.report import write_report
from sfr_eval.store.manifest import Manifest, StoredConfig
from sfr_eval.store.run_folder import RunFolder
from sfr_eval.suites.stored import require_stored_suites
from sfr_eval.thinking import declared
from sfr_eval.util.assets import cache_folder
from sfr_eval.util.files import remove_folders
from sfr_eval.util.progress import ScoringProgress
from sfr_eval.util.workers import open_workers

if TYPE_CHECKING:
    from sfr_eval.judges.panel import JudgeSettings


ASKED_EACH_TIME = ("unsafe_code", "trust_remote_code")
"""Settings that a run folder never hands on."""


@dataclass(frozen=True, kw_only=True)
class LookInto:
    """Which checkpoint wrote the replies, for families that read them with it again."""

    model: str | None = None  # None: the one in the manifest
    base_model: str | None = None
    layers: tuple[int, ...] | None = None


def rescore(
    path: Path,
    *,
    more: Sequence[Path] = (),
    suite: str | None,
    output: Path | None,
    metrics: tuple[str, ...] | None,
    encoder: str | None,
    style_data: Path | None,
    fields: Fields | None = None,
    tokenizer: str | None = None,
    token_window: int | None = None,
    encoder_backend: Backend | None = None,
    encoder_long_texts: LongTexts | None = None,
    code: Mapping[str, Any] | None = None,
    look_into: LookInto | None = None,
    judging: "JudgeSettings | None" = None,
    think_tags: str | None = None,
    workers: int | None = None,
    ray_address: str | None = None,
    jackknife: bool = False,
) -> tuple[Path, Path, list[str]]:
    """Score `path` and write its report. Returns the run folder, the report file, and what went
    wrong with the judges. `path` is a run folder, or with `more` the files of text made elsewhere;
    `fields` says where their rows name query and persona. `code` holds settings of RunConfig for
    code suites; None ones are not set. With judges and without `metrics` only their scores are
    made anew. `jackknife` also gives standard errors within prompts. `workers` and `ray_address`:
    who measures, see `workers.open_workers`."""
    settings = {name: value for name, value in (code or {}).items() if value is not None}

    for family in metrics or ():
        load_family(family)
    if tokenizer is not None:
        load_tokenizer(tokenizer)

    def measured(folder: RunFolder) -> tuple[Path, Path, list[str]]:
        return _rescore(
            folder,
            metrics=metrics,
            encoder=encoder,
            style_data=style_data,
            tokenizer=tokenizer,
            token_window=token_window,
            encoder_backend=encoder_backend,
            encoder_long_texts=encoder_long_texts,
            settings=settings,
            look_into=look_into,
            judging=judging,
            think_tags=think_tags,
            workers=workers,
            ray_address=ray_address,
            jackknife=jackknife,
        )

    files = foreign_files((path, *more))
    if not files:
        foreign = {"--suite": suite, "--output": output, "--data": settings.get("data")}
        for option, value in (*foreign.items(), ("--query-field, --persona-field", fields)):
            if value is not None:
                raise UserError(f"score {path}: {option} belongs to text made elsewhere, not a run")
        return measured(RunFolder(path))
    folder, new = import_generations(
        files, suite=suite, output=output, settings=settings, fields=fields
    )
    try:
        return measured(folder)
    except UserError:
        remove_folders(new)  # nothing was scored: leave no trace
        raise


def _rescore(
    folder: RunFolder,
    *,
    metrics: tuple[str, ...] | None,
    encoder: str | None,
    style_data: Path | None,
    tokenizer: str | None,
    token_window: int | None,
    encoder_backend: Backend | None,
    encoder_long_texts: LongTexts | None,
    settings: Mapping[str, Any],
    look_into: LookInto | None,
    judging: "JudgeSettings | None",
    think_tags: str | None,
    workers: int | None,
    ray_address: str | None,
    jackknife: bool,
) -> tuple[Path, Path, list[str]]:
    stored = Manifest.load(folder.path)
    suites = require_stored_suites(stored)
    stored = _with_tags(folder, stored, think_tags, metrics=metrics)
    # What lets code run is asked for by this command or not at all: the folder may be another's.
    config = stored.config.stored() | dict.fromkeys(ASKED_EACH_TIME, False) | dict(settings)
    overlaid = {"config": StoredConfig.model_validate(config)}
    manifest = stored.model_copy(update=overlaid)
    asked = look_into or LookInto()
    progress = ScoringProgress()
    forward = forward_for(
        folder.path,
        manifest,
        metrics or {name for suite in suites for name in suite.spec.metrics},
        model=asked.model,
        base_model=asked.base_model,
        layers=asked.layers,
        on_progress=progress,
    )
    with (
        open_judging(judging, suites) as panel,
        folder,
        open_workers(workers or config.get("workers"), ray_address=ray_address) as pool,
    ):
        samples = folder.sealed_samples()
        if folder.read_manifest() != stored:
            folder.write_manifest(stored)
            folder.results_file.unlink(missing_ok=True)  # of texts with other parts left out
        trouble: list[str] = []
        if panel is not None:
            stored, trouble = judge_and_record(folder, samples, suites, panel, manifest=stored)
            manifest = stored.model_copy(update=overlaid)
            if metrics is None and folder.results_file.exists():
                metrics = ("judge",)
        results = score(
            samples,
            suites,
            folder=folder,
            manifest=manifest,
            encoder_name=encoder or config.get("encoder"),
            encoder_backend=encoder_backend or config.get("encoder_backend", "float32"),
            encoder_long_texts=encoder_long_texts or config.get("encoder_long_texts", "truncate"),
            style_data=style_data or _path(config.get("style_data")),
            families=metrics,
            tokenizer=load_tokenizer(
                tokenizer or config.get("tokenizer") or DEFAULT,
                window=token_window or config.get("token_window"),
            ),
            cache=cache_folder(),
            judged=judged_of(folder, manifest),
            forward=forward,
            workers=pool,
            jackknife=jackknife,
            on_progress=progress,
        )
        if metrics and folder.results_file.exists():
            results = added_to(folder.read_results(), results)
        folder.write_results(results)
        return folder.path, write_report(folder), trouble


def _with_tags(
    folder: RunFolder,
    manifest: Manifest,
    think_tags: str | None,
    *,
    metrics: tuple[str, ...] | None,
) -> Manifest:
    """The manifest with the think-tags that this command declares."""
    if think_tags is None:
        return manifest
    tags, before = declared(think_tags), manifest.thinking
    if tags == before or (tags and before and replace(tags, source=before.source) == before):
        return manifest
    refuse_judged_otherwise(folder)
    if metrics and folder.results_file.exists():
        raise UserError(
            "--think-tags: changes the texts of all metrics; leave out --metrics to score all again"
        )
    return manifest.model_copy(update={"thinking": tags})


def _path(value: Any) -> Path | None:
    return Path(value) if value else None
