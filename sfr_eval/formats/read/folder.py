"""Makes a run folder from the files of other tools: finds, reads, checks and seals them."""

import hashlib
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from sfr_eval.errors import UserError
from sfr_eval.formats.read import inspect_log, lm_eval, novelty_bench, rows
from sfr_eval.formats.read.checks import refuse_copies, suspicions
from sfr_eval.formats.read.mapping import Fields, PromptMap
from sfr_eval.formats.read.reply import UNKNOWN, Reading, Reply, given_of
from sfr_eval.settings import CodeSettings
from sfr_eval.store.given import write_given
from sfr_eval.store.manifest import (
    Identity,
    ImportFacts,
    Manifest,
    ModelFacts,
    PersonaName,
    PlannedSuite,
    StoredConfig,
)
from sfr_eval.store.run_folder import RunFolder
from sfr_eval.suites.suite import Suite, load_suite
from sfr_eval.types import Cell, Sample, Sampling
from sfr_eval.util.files import missing_folders, writing_to
from sfr_eval.util.reading import json_lines, read_model

_SUBJECT = ("chat_template", "system_role", "seed")
"""What a comparison needs of the run that our own export came from."""
_PATTERNS = ("*.eval", "samples_*.jsonl")


def foreign_files(paths: Sequence[Path]) -> list[Path]:
    """Return the named files, and those inside named folders that are not run folders."""
    files: list[Path] = []
    for path in paths:
        if path.is_file():
            files.append(path)
        elif path.is_dir() and not (path / "manifest.json").exists():
            files += novelty_bench.fullest(path) or sorted(
                file for pattern in _PATTERNS for file in path.rglob(pattern)
            )
    others = [path for path in paths if not path.is_file()]
    if len(paths) > 1 and others:
        raise UserError(f"score {others[0]}: is not a file; name one run folder, or files")
    return list(dict.fromkeys(files))


def import_generations(
    files: Sequence[Path],
    *,
    suite: str | None,
    output: Path | None,
    code: CodeSettings | None = None,
    fields: Fields | None = None,
) -> tuple[RunFolder, list[Path]]:
    """Make a run folder from plain rows, lm-eval samples or inspect logs. Return it, and the
    folders that had to be created for it."""
    readers = [_reader(file) for file in files]
    named = suite or _own_suite(files[0])
    if named is None:
        raise UserError(f"score {files[0]}: name the suite of these rows with --suite")
    code = code or CodeSettings()
    loaded = load_suite(named, code=code)
    prompts = PromptMap(suite=loaded, fields=fields or Fields())
    readings = [reader(file, prompts) for reader, file in zip(readers, files, strict=True)]
    kinds = sorted({reading.format for reading in readings})
    if len(kinds) > 1:
        raise UserError(
            f"score: the files are of different kinds ({', '.join(kinds)}); import one kind"
        )
    refuse_copies(readings)
    digest = _digest(files)
    folder = RunFolder(output or Path("runs") / f"{files[0].stem}-{digest[:10]}")
    replies = [reply for reading in readings for reply in reading.replies]
    samples = _samples(replies, loaded)
    unsafe = {"unsafe_code": True} if code.unsafe_code else {}
    config = StoredConfig.model_validate({"suite": [named], **code.problems(), **unsafe})
    manifest = _manifest(readings, loaded, samples, digest).model_copy(update={"config": config})
    manifest = Manifest.model_validate(manifest.stored())  # as it will be read back
    old = folder.read_manifest()
    if old is not None:
        manifest = manifest.keeping(old, "thinking", "judging", "looks")
    if old and old.model_copy(update={"sealed": manifest.sealed}) != manifest:
        raise UserError(f"--output {folder.path}: holds another run; choose another folder")
    with writing_to(folder.path):
        new = missing_folders(folder.path)
        folder.path.mkdir(parents=True, exist_ok=True)
    folder.write_manifest(manifest.model_copy(update={"sealed": folder.seal(samples)}))
    write_given(folder.path, given_of(replies, samples))
    return folder, new


def _reader(file: Path) -> Callable[[Path, PromptMap], Reading]:
    if file.suffix in inspect_log.SUFFIXES:
        return inspect_log.read
    if novelty_bench.looks_like(_first_row(file)):
        return novelty_bench.read
    return lm_eval.read if lm_eval.looks_like(_first_row(file)) else rows.read


def _own_suite(file: Path) -> str | None:
    """Return the suite that our own export named."""
    if file.suffix in inspect_log.SUFFIXES:
        return inspect_log.own_suite(file)
    row = _first_row(file)
    if novelty_bench.looks_like(row):
        return novelty_bench.own_suite(row)
    block = lm_eval.own_block(row["arguments"]) if lm_eval.looks_like(row) else row
    suite = block.get("suite") if isinstance(block, dict) else None
    return suite if isinstance(suite, str) and suite else None


def _first_row(file: Path) -> dict[str, Any]:
    _, row = next(json_lines(file), ("", None))
    return row if isinstance(row, dict) else {}


def _digest(files: Sequence[Path]) -> str:
    contents = [hashlib.sha256(file.read_bytes()).hexdigest() for file in files]
    if len(set(contents)) < len(contents):
        double = files[[contents.count(content) > 1 for content in contents].index(True)]
        raise UserError(f"score {double}: the same content is named twice; name it once")
    if len(contents) == 1:
        return contents[0]
    return hashlib.sha256("".join(contents).encode()).hexdigest()


def _samples(replies: Sequence[Reply], suite: Suite) -> list[Sample]:
    """Return the samples in plan order. Replies without an index are numbered in file order."""
    counts: Counter[Cell] = Counter()
    samples = []
    for reply in replies:
        index = counts[reply.cell] if reply.index is None else reply.index
        counts[reply.cell] += 1
        samples.append(_sample(reply, suite.id, index=index))
    queries = {query: place for place, query in enumerate(suite.queries)}
    personas = {persona: place for place, persona in enumerate(suite.personas)}
    return sorted(
        samples,
        key=lambda s: (queries[s.query], personas.get(s.persona, 0), s.temperature, s.index),
    )


def _sample(reply: Reply, suite: str, *, index: int) -> Sample:
    key = f"{suite}\0{reply.query}\0{reply.persona}\0{reply.temperature!r}\0{index}\0{reply.text}"
    words = len(reply.text.split())
    return Sample(
        sample_id=reply.sample_id or hashlib.sha256(key.encode()).hexdigest()[:32],
        suite=suite,
        query=reply.query,
        persona=reply.persona,
        temperature=reply.temperature,
        index=index,
        seed=reply.seed or 0,
        status=reply.status,
        text=reply.text,
        prompt_tokens=reply.prompt_tokens or 0,
        completion_tokens=words if reply.completion_tokens is None else reply.completion_tokens,
        error=reply.error,
    )


def _manifest(
    readings: Sequence[Reading], suite: Suite, samples: list[Sample], digest: str
) -> Manifest:
    first = readings[0]
    personas = {sample.persona for sample in samples}
    cells = Counter(sample.cell for sample in samples)
    replies = [reply for reading in readings for reply in reading.replies]
    name = ", ".join(sorted({reading.model for reading in readings} - {""})) or first.file.name
    warnings = [warning for reading in readings for warning in reading.warnings]
    unknown = _unstated(readings)
    if unknown and first.format != "rows":
        warnings.append(f"Not stated by the files, and unknown: {', '.join(unknown)}.")
    identity = {
        "text": digest,
        "sampling": _stated_sampling(readings, suite),
        "suites": {suite.id: suite.version},
        **{name: first.origin[name] for name in _SUBJECT if name in first.origin},
    }
    plan = PlannedSuite(
        suite=suite.id,
        version=suite.version,
        title=suite.spec.title,
        prompts=len({sample.prompt_key for sample in samples}),
        queries=len({sample.query for sample in samples}),
        personas=tuple(
            PersonaName(id=id, name=card.name)
            for id, card in suite.personas.items()
            if id in personas
        ),
        temperatures=tuple(sorted({sample.temperature for sample in samples})),
        samples=max(cells.values()),
        primary=suite.spec.primary,
        about=suite.about(sample.query for sample in samples),
    )
    facts = ImportFacts(
        format=first.format,
        files=tuple(reading.file.name for reading in readings),
        origin=dict(first.origin),
        unknown=tuple(unknown),
        warnings=tuple(dict.fromkeys([*warnings, *suspicions(replies)])),
    )
    return Manifest(
        name=name,
        model=ModelFacts(name=name, kind="text", fingerprint=f"text:{digest}", folder=None),
        world=None,
        identity=read_model(Identity, identity, where=str(first.file)),
        plan=(plan,),
        imported=facts,
        determinism=UNKNOWN,
        versions={},
        status="complete",
        samples=len(samples),
    )


def _stated_sampling(readings: Sequence[Reading], suite: Suite) -> Any:
    """Return {suite: sampling fields that every file states}, or "unknown". Unstated fields are
    absent, so that nothing is compared with them."""
    stated = readings[0].sampling
    if not stated or any(reading.sampling != stated for reading in readings):
        return UNKNOWN
    return {suite.id: dict(stated)}


def _unstated(readings: Sequence[Reading]) -> list[str]:
    """Return the settings that can change an answer but are not stated in the files."""
    first = readings[0]
    if first.format == "rows":
        return ["sampling", *_SUBJECT]
    names = [name for name in Sampling.__dataclass_fields__ if name != "temperature"]
    return [name for name in (*names, *_SUBJECT) if name not in {*first.sampling, *first.origin}]
