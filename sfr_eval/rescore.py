"""Score again without generating: a run folder, or a JSONL file of text made elsewhere."""

import hashlib
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel, ConfigDict, Field, field_validator

from sfr_eval.assets import cache_folder
from sfr_eval.config import read_jsonl
from sfr_eval.errors import UserError, did_you_mean
from sfr_eval.files import missing_folders, remove_folders, writing_to
from sfr_eval.progress import ScoringProgress
from sfr_eval.store import RunFolder
from sfr_eval.suite import Suite, load_suite
from sfr_eval.types import Sample, Status

if TYPE_CHECKING:
    from sfr_eval.judge_run import JudgeSettings


class GenerationRow(BaseModel):
    """One completion made elsewhere."""

    model_config = ConfigDict(extra="ignore")

    query: str = Field(min_length=1, description="id or text of a query of the suite")
    text: str
    persona: str = ""
    temperature: float = Field(
        1.0, ge=0, allow_inf_nan=False, description="1.0 where it is not known"
    )
    status: Status = "ok"

    @field_validator("text")
    @classmethod
    def _is_text(cls, value: str) -> str:
        try:
            value.encode()
        except UnicodeEncodeError:
            raise ValueError("holds half of a surrogate pair, which no file can keep") from None
        return value


def rescore(
    path: Path,
    *,
    suite: str | None,
    output: Path | None,
    metrics: tuple[str, ...] | None,
    encoder: str | None,
    style_data: Path | None,
    judging: "JudgeSettings | None" = None,
) -> tuple[Path, Path, list[str]]:
    """Score `path` and write its report. Returns the run folder, the report file, and what went
    wrong with the judges. With judges and without `metrics` only their scores are made anew."""
    from sfr_eval.metrics.table import load_family

    for family in metrics or ():
        load_family(family)
    if not path.is_file():
        if suite is not None or output is not None:
            raise UserError(f"score {path}: --suite and --output belong to a JSONL file, not a run")
        return _rescore(
            RunFolder(path),
            metrics=metrics,
            encoder=encoder,
            style_data=style_data,
            judging=judging,
        )
    folder, new = import_generations(path, suite=suite, output=output)
    try:
        return _rescore(
            folder, metrics=metrics, encoder=encoder, style_data=style_data, judging=judging
        )
    except UserError:
        remove_folders(new)  # nothing was scored: leave no trace
        raise


def _rescore(
    folder: RunFolder,
    *,
    metrics: tuple[str, ...] | None,
    encoder: str | None,
    style_data: Path | None,
    judging: "JudgeSettings | None",
) -> tuple[Path, Path, list[str]]:
    from sfr_eval.judge_run import judge_and_record, judged_of, open_judging
    from sfr_eval.report import write_report
    from sfr_eval.score import score

    manifest = folder.read_manifest()
    if manifest is None:
        raise UserError(f"score {folder.path}: no such run folder (no manifest.json)")
    suites = stored_suites(manifest)
    config = manifest.get("config", {})
    with open_judging(judging, suites) as panel, folder:
        samples = folder.sealed_samples()
        trouble: list[str] = []
        if panel is not None:
            manifest, trouble = judge_and_record(folder, samples, suites, panel, manifest=manifest)
            if metrics is None and folder.results_file.exists():
                metrics = ("judge",)
        results = score(
            samples,
            suites,
            folder=folder,
            manifest=manifest,
            encoder_name=encoder or config.get("encoder"),
            style_data=style_data or _path(config.get("style_data")),
            families=metrics,
            cache=cache_folder(),
            judged=judged_of(folder, manifest),
            on_progress=ScoringProgress(),
        )
        if metrics and folder.results_file.exists():
            results = added_to(folder.read_results(), results)
        folder.write_results(results)
        return folder.path, write_report(folder), trouble


def added_to(old: dict[str, Any], new: dict[str, Any]) -> dict[str, Any]:
    """`new` results beside those of `old` whose metrics were not scored again."""
    again = set(new["signatures"])

    def kept(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
        return [row for row in rows if row["metric"] not in again]

    merged = {**old, **new}
    merged["estimates"] = kept(old["estimates"]) + new["estimates"]
    for key in ("signatures", "notes", "similarity"):
        merged[key] = {**old.get(key, {}), **new.get(key, {})}
    truth = {**old.get("truth", {}), **new.get("truth", {})}
    for suite, rows in new.get("truth", {}).items():
        truth[suite] = kept(old.get("truth", {}).get(suite, [])) + rows
    if truth:
        merged["truth"] = truth
    return merged


def stored_suites(manifest: dict[str, Any]) -> list[Suite]:
    """The suites of a run; UserError if their data have changed since."""
    config = manifest["config"]
    personas = config.get("personas")
    suites = []
    for name, part in zip(config["suite"], manifest["plan"], strict=True):
        suite = load_suite(name, personas=tuple(personas) if personas else None)
        if suite.version != part["version"]:
            raise UserError(
                f"suite {suite.id}: is at version {suite.version}, the run was made with "
                f"{part['version']}; run again, or score it with that version"
            )
        suites.append(suite)
    return suites


def import_generations(
    file: Path, *, suite: str | None, output: Path | None
) -> tuple[RunFolder, list[Path]]:
    """Make a run folder of a JSONL file: {"query", "persona", "text", "temperature"?} rows.
    Returns it, and those folders that had to be made for it."""
    if suite is None:
        raise UserError(f"score {file}: name the suite of these rows with --suite")
    loaded = load_suite(suite)
    rows = read_jsonl(GenerationRow, file)
    if not rows:
        raise UserError(f"{file}: holds no row")
    by_text = {text: id for id, text in loaded.queries.items()}
    counts: Counter[tuple[str, str, float]] = Counter()
    samples = []
    for number, row in enumerate(rows, start=1):
        query = row.query if row.query in loaded.queries else by_text.get(row.query)
        if query is None:
            near = did_you_mean(row.query, loaded.queries)
            raise UserError(
                f"{file}: row {number}: query `{row.query[:60]}` is not in suite {loaded.id}; "
                f"{near[:120]}"
            )
        if row.persona not in (set(loaded.personas) or {""}):
            near = did_you_mean(row.persona, loaded.personas)
            raise UserError(f"{file}: row {number}: persona `{row.persona}` is unknown; {near}")
        cell = (query, row.persona, row.temperature)
        samples.append(_sample(row, loaded.id, query, index=counts[cell]))
        counts[cell] += 1
    digest = hashlib.sha256(file.read_bytes()).hexdigest()
    folder = RunFolder(output or Path("runs") / f"{file.stem}-{digest[:10]}")
    manifest = _manifest(file, loaded, samples, digest)
    manifest["config"] = {"suite": [suite]}  # as it was named: by name or by folder
    if folder.read_manifest() not in (None, manifest):
        raise UserError(f"--output {folder.path}: holds another run; choose another folder")
    with writing_to(folder.path):
        new = missing_folders(folder.path)
        folder.path.mkdir(parents=True, exist_ok=True)
    folder.seal(samples)
    folder.write_manifest(manifest)
    return folder, new


def _sample(row: GenerationRow, suite: str, query: str, *, index: int) -> Sample:
    key = f"{suite}\0{query}\0{row.persona}\0{row.temperature!r}\0{index}\0{row.text}"
    return Sample(
        sample_id=hashlib.sha256(key.encode()).hexdigest()[:32],
        suite=suite,
        query=query,
        persona=row.persona,
        temperature=row.temperature,
        index=index,
        seed=0,
        status=row.status,
        text=row.text if row.status in ("ok", "truncated") else "",
        prompt_tokens=0,
        completion_tokens=len(row.text.split()),
    )


def _manifest(file: Path, suite: Suite, samples: list[Sample], digest: str) -> dict[str, Any]:
    personas = sorted({sample.persona for sample in samples})
    cells = Counter((s.query, s.persona, s.temperature) for s in samples)
    return {
        "format": 1,
        "name": file.name,
        "model": {
            "name": file.name,
            "kind": "text",
            "fingerprint": f"text:{digest}",
            "folder": None,
        },
        "world": None,
        "identity": {"text": digest, "sampling": "unknown", "suites": {suite.id: suite.version}},
        "plan": [
            {
                "suite": suite.id,
                "version": suite.version,
                "title": suite.spec.title,
                "prompts": len({(s.query, s.persona) for s in samples}),
                "queries": len({s.query for s in samples}),
                "personas": [{"id": id, "name": suite.personas[id].name} for id in personas if id],
                "temperatures": sorted({s.temperature for s in samples}),
                "samples": max(cells.values()),
            }
        ],
        "determinism": "unknown",
        "versions": {},
        "status": "complete",
        "samples": len(samples),
    }


def _path(value: Any) -> Path | None:
    return Path(value) if value else None
