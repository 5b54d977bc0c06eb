"""One run from start to end: preflight, draw, judge, measure, report."""

from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path

from sfr_eval.config import RunConfig
from sfr_eval.errors import RunError, UserError, kept_when_interrupted
from sfr_eval.formats.write.trackers import track_run
from sfr_eval.judges.panel import judge_and_record
from sfr_eval.pipeline.checkpoint import forward_for
from sfr_eval.pipeline.draw import ENGINE_LOG, Drawn, draw, terminate_as_interrupt
from sfr_eval.pipeline.embed_beside import embedding_beside
from sfr_eval.pipeline.job import suite_families
from sfr_eval.pipeline.measure import measure_and_report
from sfr_eval.pipeline.preflight import Preflight, families, preflight
from sfr_eval.store.manifest import Manifest
from sfr_eval.thinking import answers
from sfr_eval.util.files import remove_folders
from sfr_eval.util.progress import ScoringProgress, waiting
from sfr_eval.util.workers import open_workers, usual_workers


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """How a run ended. exit_code 0, 3 (some requests failed) or 130 (interrupted)."""

    folder: Path
    exit_code: int
    report: Path | None
    lines: tuple[str, ...]  # what the user should know, for stdout


def execute(config: RunConfig, *, measure_again: bool = True) -> Outcome:
    """Run it all. The same command resumes; more samples or temperatures draw only the new ones.
    Without `measure_again`, a run whose report is up to date is left as it is."""
    with waiting("checking the run"):
        checked = preflight(config)
    with closing(checked) as ready, ready.folder:
        try:
            before = ready.folder.read_manifest()
            with (
                kept_when_interrupted("sampling", "the samples so far are kept"),
                embedding_beside(ready, requests=ready.plan.size) as offer,
            ):
                drawn = draw(ready, on_samples=offer)
            if drawn.interrupted:
                return interrupted(ready, drawn)
            if not measure_again and (report := current_report(ready, drawn, before=before)):
                line = f"report: {report.resolve()}"
                return _outcome(ready, drawn, [line], failed=False, report=report)
            return finish(ready, drawn)
        except (UserError, RunError):
            leave_no_trace(ready)
            raise


def current_report(ready: Preflight, drawn: Drawn, *, before: Manifest | None) -> Path | None:
    """Return the report of a run to which this session, after its drawing, would add nothing: its
    manifest is what it was `before`, and the scores are those of the metrics' present versions."""
    folder, manifest = ready.folder, drawn.manifest
    report = folder.path / "report.html"
    if before is None or before.model_dump() != manifest.looked_at().model_dump():
        return None
    if ready.panel is not None or drawn.failed or not manifest.looks:
        return None
    metrics = ready.config.score.metrics
    scored = all(
        (folder.path / "scores" / f"{family.name}@{family.version}.parquet").is_file()
        for suite in ready.suites
        for family in suite_families(suite, metrics, judged=False)
    )
    if not scored or not folder.results_file.is_file() or not report.is_file():
        return None
    # Written one after the other: an interrupt may have left the report of an earlier measurement.
    written = [file.stat().st_mtime_ns for file in (folder.results_file, report)]
    return report if written == sorted(written) else None


def interrupted(ready: Preflight, drawn: Drawn) -> Outcome:
    """Return the outcome of a run that was interrupted while it drew."""
    line = (
        f"interrupted: {len(drawn.samples):,} samples kept, {drawn.to_go:,} to go; "
        "repeat the command"
    )
    return Outcome(folder=ready.folder.path, exit_code=130, report=None, lines=(line,))


def leave_no_trace(ready: Preflight) -> None:
    """Remove the folders of a run that failed before anything was drawn, but for the engine's log,
    which the error may name."""
    if any((ready.folder.path / "samples").glob("*.jsonl")):
        return
    if not (ready.folder.path / ENGINE_LOG).exists():
        remove_folders(ready.new_folders)
    elif ready.new_folders:
        for path in ready.folder.path.iterdir():
            if path.is_dir() and path.name != ENGINE_LOG.parent.name:
                remove_folders([path])
            elif path.is_file():
                path.unlink()


def finish(ready: Preflight, drawn: Drawn) -> Outcome:
    """Judge, measure and track what was drawn."""
    kept = f"all {len(drawn.samples):,} samples and the embeddings so far are kept"
    with kept_when_interrupted("measuring", kept):
        return _finish(ready, drawn)


def _finish(ready: Preflight, drawn: Drawn) -> Outcome:
    drawn, trouble = judge(ready, drawn)
    if ready.config.shard is not None:
        return _outcome(ready, drawn, [*trouble, _how_to_join(ready)], failed=bool(trouble))
    report = measure(ready, drawn)
    tracked, untracked = track_run(
        ready.folder.path, ready.trackers, artifacts=ready.config.track_artifacts
    )
    lines = [*trouble, f"report: {report.resolve()}", *tracked, *untracked]
    failed = bool(trouble or untracked)
    return _outcome(ready, drawn, lines, failed=failed, report=report)


def judge(ready: Preflight, drawn: Drawn) -> tuple[Drawn, list[str]]:
    """Have the replies judged, if there are judges. Return the new state and what went wrong."""
    if ready.panel is None:
        return drawn, []
    kept = f"all {len(drawn.samples):,} samples and the votes so far are kept"
    with kept_when_interrupted("judging", kept), terminate_as_interrupt():
        manifest, trouble = judge_and_record(
            ready.folder,
            drawn.samples,
            ready.suites,
            ready.panel,
            manifest=drawn.manifest,
            spent=drawn.cost,
        )
    return replace(drawn, manifest=manifest), trouble


def measure(ready: Preflight, drawn: Drawn) -> Path:
    """Compute all metrics of the samples and write the report. Returns its path."""
    config, path = ready.config, ready.folder.path
    count = config.score.workers or usual_workers(len(drawn.samples))
    with ScoringProgress() as progress, open_workers(count) as workers:
        forward = forward_for(
            path,
            drawn.manifest,
            families(config.score, ready.suites),
            settings=config.score,
            serving=config.serving,
            on_progress=progress,
        )
        return measure_and_report(
            drawn.samples,
            ready.suites,
            folder=ready.folder,
            manifest=drawn.manifest,
            settings=config.score,
            code=config.code,
            forward=forward,
            workers=workers,
            on_progress=progress,
        )


def _outcome(
    ready: Preflight,
    drawn: Drawn,
    lines: list[str],
    *,
    failed: bool,
    report: Path | None = None,
) -> Outcome:
    unsupported = [sample for sample in drawn.samples if sample.status == "unsupported"]
    if unsupported:
        lines.insert(0, f"{len(unsupported):,} requests are unsupported: {unsupported[0].error}")
    empty = [sample for sample in drawn.samples if sample.status == "no_content"]
    if empty:
        lines.insert(0, f"{len(empty):,} replies have no text: {empty[0].error}")
    total = len(drawn.samples)
    texts = [
        sample for sample in answers(drawn.samples, drawn.manifest.thinking) if sample.has_text
    ]
    nothing = not any(sample.text.strip() for sample in texts)
    if nothing and texts:
        cut = sum(sample.status == "truncated" for sample in texts)
        remedy = "; raise --max-tokens" if cut else ""
        lines.insert(
            0,
            f"all {len(texts):,} replies are empty, {cut:,} of them cut at max_tokens: there is "
            f"nothing to measure{remedy}",
        )
    elif nothing and drawn.failed < total:
        lines.insert(0, "no reply has a text: there is nothing to measure")
    if drawn.failed:
        first = next(sample for sample in drawn.samples if sample.status == "error")
        count = f"all {total:,}" if drawn.failed == total else f"{drawn.failed:,} of {total:,}"
        lines.insert(
            0, f"{count} requests failed ({first.error}); repeat the command to draw them again"
        )
    return Outcome(
        folder=ready.folder.path,
        exit_code=3 if drawn.failed or failed or nothing else 0,
        report=report,
        lines=tuple(lines),
    )


def _how_to_join(ready: Preflight) -> str:
    shard, path = ready.config.shard, ready.folder.path
    assert shard is not None
    whole = path.with_name(path.name.removesuffix(shard.suffix))
    return (
        f"shard {shard}: {path}; when all are there: sfr-eval score {whole}-shard-*/ "
        f"--output {whole}"
    )
