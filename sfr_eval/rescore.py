"""Score again without generating: a run folder, or a JSONL file of text made elsewhere."""

import hashlib
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel, ConfigDict, Field, field_validator

from sfr_eval.assets import cache_folder
from sfr_eval.code.options import CodeOptions
from sfr_eval.config import read_jsonl
from sfr_eval.encoder import LongTexts
from sfr_eval.encoding.backends import Backend
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


@dataclass(frozen=True, kw_only=True)
class LookInto:
    """Which checkpoint wrote the replies, for families that read them with it again."""

    model: str | None = None  # None: the one in the manifest
    base_model: str | None = None
    layers: tuple[int, ...] | None = None


def rescore(
    path: Path,
    *,
    suite: str | None,
    output: Path | None,
    metrics: tuple[str, ...] | None,
    encoder: str | None,
    style_data: Path | None,
    tokenizer: str | None = None,
    token_window: int | None = None,
    encoder_backend: Backend | None = None,
    encoder_long_texts: LongTexts | None = None,
    code: Mapping[str, Any] | None = None,
    look_into: LookInto | None = None,
    judging: "JudgeSettings | None" = None,
    workers: int | None = None,
    ray_address: str | None = None,
) -> tuple[Path, Path, list[str]]:
    """Score `path` and write its report. Returns the run folder, the report file, and what went
    wrong with the judges. `code` holds settings of RunConfig for code suites; None ones are not
    set. With judges and without `metrics` only their scores are made anew. `workers` and
    `ray_address`: who measures, see `workers.open_workers`."""
    settings = {name: value for name, value in (code or {}).items() if value is not None}
    from sfr_eval.metrics.table import load_family
    from sfr_eval.metrics.tokenizers import load_tokenizer

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
            workers=workers,
            ray_address=ray_address,
        )

    if not path.is_file():
        if suite is not None or output is not None:
            raise UserError(f"score {path}: --suite and --output belong to a JSONL file, not a run")
        if "data" in settings:
            raise UserError(f"score {path}: --data belongs to a JSONL file, not a run")
        return measured(RunFolder(path))
    folder, new = import_generations(path, suite=suite, output=output, settings=settings)
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
    workers: int | None,
    ray_address: str | None,
) -> tuple[Path, Path, list[str]]:
    from sfr_eval.forward import forward_for
    from sfr_eval.judge_run import judge_and_record, judged_of, open_judging
    from sfr_eval.metrics.tokenizers import DEFAULT, load_tokenizer
    from sfr_eval.report import write_report
    from sfr_eval.score import score
    from sfr_eval.workers import open_workers

    manifest = folder.read_manifest()
    if manifest is None:
        raise UserError(f"score {folder.path}: no such run folder (no manifest.json)")
    suites = stored_suites(manifest)
    config = manifest.get("config", {}) | dict(settings)
    manifest = {**manifest, "config": config}
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
            on_progress=progress,
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
    if "slices" in merged:
        merged["slices"] = kept(old.get("slices", [])) + new.get("slices", [])
    truth = {**old.get("truth", {}), **new.get("truth", {})}
    for suite, rows in new.get("truth", {}).items():
        truth[suite] = kept(old.get("truth", {}).get(suite, [])) + rows
    if truth:
        merged["truth"] = truth
    sweeps = {**old.get("sweep", {}), **new.get("sweep", {})}
    for suite, rows in new.get("sweep", {}).items():
        before = old.get("sweep", {}).get(suite, [])
        # A pair of which one metric was scored again is stale; scoring both brings it back.
        sweeps[suite] = [r for r in before if not again & {r["quality"], r["diversity"]}] + rows
    merged["sweep"] = sweeps
    return merged


def stored_suites(manifest: dict[str, Any]) -> list[Suite]:
    """The suites of a run; UserError if their data have changed since."""
    config = manifest["config"]
    personas = config.get("personas")
    suites = []
    for name, part in zip(config["suite"], manifest["plan"], strict=True):
        suite = load_suite(
            name,
            personas=tuple(personas) if personas else None,
            code=CodeOptions.from_config(config),
        )
        if suite.version != part["version"]:
            raise UserError(
                f"suite {suite.id}: is at version {suite.version}, the run was made with "
                f"{part['version']}; run again, or score it with that version"
            )
        suites.append(suite)
    return suites


def import_generations(
    file: Path,
    *,
    suite: str | None,
    output: Path | None,
    settings: Mapping[str, Any] | None = None,
) -> tuple[RunFolder, list[Path]]:
    """Make a run folder of a JSONL file: {"query", "persona", "text", "temperature"?} rows.
    Returns it, and those folders that had to be made for it."""
    if suite is None:
        raise UserError(f"score {file}: name the suite of these rows with --suite")
    settings = dict(settings or {})
    loaded = load_suite(suite, code=CodeOptions.from_config(settings))
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
    manifest["config"] = {"suite": [suite], **settings}  # as it was named: by name or by folder
    before = folder.read_manifest()
    if before is not None and {**before, "sealed": None} != {**manifest, "sealed": None}:
        raise UserError(f"--output {folder.path}: holds another run; choose another folder")
    with writing_to(folder.path):
        new = missing_folders(folder.path)
        folder.path.mkdir(parents=True, exist_ok=True)
    folder.write_manifest(manifest | {"sealed": folder.seal(samples)})
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
