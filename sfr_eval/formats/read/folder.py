"""Makes a run folder from the files of other tools: finds, reads, checks and seals them."""

import hashlib
import json
from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from sfr_eval.errors import UserError
from sfr_eval.formats.read import novelty_bench, openai_batch
from sfr_eval.formats.read.bigcode import COMPLETION
from sfr_eval.formats.read.checks import refuse_copies, refuse_impossible
from sfr_eval.formats.read.mapping import PromptMap
from sfr_eval.formats.read.names import Fields
from sfr_eval.formats.read.origin import import_manifest
from sfr_eval.formats.read.own_prompts import OwnPrompts
from sfr_eval.formats.read.readers import Reader, reader_of, values_of
from sfr_eval.formats.read.reply import Reading, Reply, given_of
from sfr_eval.formats.read.source import Source, open_source
from sfr_eval.settings import CodeSettings
from sfr_eval.store.given import write_given
from sfr_eval.store.manifest import Manifest, StoredConfig
from sfr_eval.store.rows import unstorable
from sfr_eval.store.run_folder import RunFolder
from sfr_eval.suites.own import keep, safe_id
from sfr_eval.suites.suite import Suite, load_suite
from sfr_eval.types import Cell, Sample
from sfr_eval.util.files import missing_folders, writing_to
from sfr_eval.util.untrusted import plain_bytes, whole_text

_PATTERNS = ("*.eval", "samples_*.jsonl")


@dataclass(frozen=True, kw_only=True)
class Imported:
    """The run folders made of files: one for each model."""

    folders: Sequence[RunFolder]
    parent: Path  # of several models' folders; of one, its folder
    new: Sequence[Sequence[Path]]  # folders that had to be created for each


def foreign_files(paths: Sequence[Path]) -> list[Path]:
    """Return the named files, and those inside named folders that are not run folders."""
    files: list[Path] = []
    for path in paths:
        if path.is_dir() and (path / "manifest.json").exists():
            continue
        if not path.is_dir():
            files.append(path)
        elif inside := novelty_bench.fullest(path) or sorted(
            file for pattern in _PATTERNS for file in path.rglob(pattern)
        ):
            files += inside
        else:
            raise UserError(f"score {path}: {_what(path)}")
    others = [path for path in paths if path.is_dir()]
    if len(paths) > 1 and others:
        raise UserError(f"score {others[0]}: is not a file; name one run folder, or files")
    return list(dict.fromkeys(files))


def _what(folder: Path) -> str:
    """Return what a folder is that cannot be scored, and what to do."""
    names = sorted(file.name for file in folder.iterdir() if file.is_file())
    if "dataset_info.json" in names or "state.json" in names:
        return "is a data set in Arrow files; save it with to_parquet or to_json and name the file"
    if "config.json" in names:
        return "is a checkpoint; sample it with `sfr-eval run --model`"
    if "suite.yaml" in names:
        return "is a suite; name the generations, and the suite with --suite"
    for suffix in (".parquet", ".jsonl", ".json", ".csv"):
        files = [name for name in names if name.endswith(suffix)]
        if files:
            return f"is a folder of {suffix[1:]} files and not a run folder; name the files"
    return "no manifest.json; not a run folder"


def import_runs(
    files: Sequence[Path],
    *,
    suite: str | None,
    output: Path | None,
    code: CodeSettings | None = None,
    fields: Fields | None = None,
    missing_fail: bool = False,
    name_files: bool = False,
    fewest: int = 1,
) -> Imported:
    """Make a run folder for each model of the files. Without a suite, one is made of the distinct
    prompts and kept in each folder. `missing_fail` counts problems without a reply as failed;
    `name_files` takes the name of a file for that of its model, where its rows name none. Raises
    UserError for fewer models than `fewest`."""
    fields, code = fields or Fields(), code or CodeSettings()
    sources, asked = _opened(files)
    with values_of(files[0]):
        readers = [reader_of(source, fields) for source in sources]
    kinds = sorted({reader.name for reader in readers})
    if len(kinds) > 1:
        listed = ", ".join(map(str, files))
        raise UserError(
            f"{listed}: different kinds of files ({', '.join(kinds)}); name those of one kind"
        )
    with values_of(files[0]):
        named = suite or readers[0].own_suite(sources[0])
    loaded, prompts = _prompts(named, code=code, fields=fields)
    readings = [
        _reading(reader, source, prompts, asked)
        for source, reader in zip(sources, readers, strict=True)
    ]
    if name_files:
        readings = [
            one
            if one.model or any(reply.model for reply in one.replies)
            else replace(one, model=_stem(one.file))
            for one in readings
        ]
    if isinstance(prompts, OwnPrompts):
        loaded, ids = prompts.suite(id=_stem(files[0]), title=files[0].name)
        readings = [_renamed(reading, ids) for reading in readings]
    assert loaded is not None
    if named is not None:
        loaded, code = _completing(named, loaded, readings, code)
    if missing_fail and loaded.code is None:
        raise UserError(f"--missing fail: suite {loaded.id} has no problems that could fail")
    digest = _digest(files)
    unsafe = {"unsafe_code": True} if code.unsafe_code else {}
    config = StoredConfig.model_validate(
        {"suite": [named] if named else [], **code.problems(), **unsafe}
    )
    options = {**fields.given, **code.problems(), **({"missing": "fail"} if missing_fail else {})}
    name = digest if not options else hashlib.sha256(f"{digest}{options}".encode()).hexdigest()
    parent = output or Path("runs") / f"{_stem(files[0])}-{name[:10]}"
    models = _by_model(readings)
    if len(models) < fewest:
        raise UserError(
            f"compare {files[0]}: replies of one model only; name another file or run, or say with "
            "--model-field which field names the model"
        )
    runs = []
    for model, part in models.items():
        refuse_impossible(part)
        refuse_copies(part)
        own_digest = digest if len(models) == 1 else _text_hash(f"{digest}\0{model}")
        samples = _samples([reply for reading in part for reply in reading.replies], loaded)
        answered = {sample.query for sample in samples}
        missing = [query for query in loaded.queries if query not in answered]
        if missing_fail:
            samples = _with_failures(samples, loaded)
        manifest = import_manifest(
            part,
            loaded,
            samples,
            own_digest,
            missing=missing,
            missing_fail=missing_fail,
            fields=fields,
        ).model_copy(update={"config": config})
        with values_of(files[0]):  # of facts that no text file keeps
            json.dumps(manifest.stored(), ensure_ascii=False).encode()
        given = given_of([reply for reading in part for reply in reading.replies], samples)
        runs.append((manifest, samples, given))
    new: list[list[Path]] = []
    folders = []
    for path, (manifest, samples, given) in zip(_paths(parent, list(models)), runs, strict=True):
        made, created = _sealed(path, manifest, samples, loaded if named is None else None)
        write_given(made.path, given)
        folders.append(made)
        new.append(created)
    return Imported(folders=folders, parent=parent, new=new)


def _opened(files: Sequence[Path]) -> tuple[list[Source], dict[str, Any] | None]:
    """Open the files. Return those that hold replies, and the requests of a batch if they were
    named beside them."""
    sources = [open_source(file) for file in files]
    with values_of(files[0]):
        requests = [source for source in sources if openai_batch.is_requests(source)]
        results = [source for source in sources if source not in requests]
        if not requests or not results or not all(map(openai_batch.looks_like, results)):
            return sources, None
        return results, {
            id: body for source in requests for id, body in openai_batch.requests_of(source).items()
        }


def _reading(
    reader: Reader, source: Source, prompts: PromptMap | OwnPrompts, asked: dict[str, Any] | None
) -> Reading:
    with values_of(source.file):
        if asked is not None:
            return openai_batch.read(source, prompts, asked)
        return reader.read(source, prompts)


def _prompts(
    named: str | None, *, code: CodeSettings, fields: Fields
) -> tuple[Suite | None, PromptMap | OwnPrompts]:
    """Return the suite, and where its prompts are found."""
    if named is None:
        for option, value in code.problems().items():
            raise UserError(f"--{option.replace('_', '-')} {value}: needs --suite, a code suite")
        return None, OwnPrompts(fields=fields)
    loaded = load_suite(named, code=code)
    return loaded, PromptMap(suite=loaded, fields=fields)


def _completing(
    named: str, loaded: Suite, readings: Sequence[Reading], code: CodeSettings
) -> tuple[Suite, CodeSettings]:
    """Return the suite and its settings with the prompt form `completion`, if none was named and
    the answers are bodies that continue their prompts; else those given."""
    texts = [reply.text.lstrip("\r\n") for reading in readings for reply in reading.replies]
    filled = [text for text in texts if text.strip()]
    bodies = sum(text[0] in " \t" for text in filled)
    if code.prompt_form is None and loaded.code is not None and filled:
        form = code.model_copy(update={"prompt_form": COMPLETION})
        if bodies >= _BODIES * len(filled) and not any("```" in text for text in filled):
            with suppress(UserError):  # of a suite without this form
                return load_suite(named, code=form), form
    return loaded, code


def _renamed(reading: Reading, ids: Mapping[str, str]) -> Reading:
    """Return a reading whose replies have the ids of the suite that was made of their prompts."""
    return replace(
        reading, replies=[replace(reply, query=ids[reply.query]) for reply in reading.replies]
    )


def _by_model(readings: Sequence[Reading]) -> dict[str, list[Reading]]:
    """Return the readings of each model, in the order of the files."""
    models: dict[str, list[Reading]] = {}
    for reading in readings:
        parts: dict[str, list[Reply]] = {}
        for reply in reading.replies:
            parts.setdefault(reply.model or reading.model, []).append(reply)
        for model, replies in parts.items():
            models.setdefault(model, []).append(replace(reading, replies=replies, model=model))
    if len(models) > 1 and "" in models:
        where = models[""][0].replies[0].where
        raise UserError(f"{where}: names no model, unlike others; name it, or leave it out of all")
    return models


def _paths(parent: Path, models: Sequence[str]) -> list[Path]:
    """Return the folder of each model: the parent itself if there is only one."""
    if len(models) == 1:
        return [parent]
    names = [safe_id(model) for model in models]
    return [
        parent / (name if names.count(name) == 1 else f"{name}-{number}")
        for number, name in enumerate(names, start=1)
    ]


def _sealed(
    path: Path, manifest: Manifest, samples: Sequence[Sample], own: Suite | None
) -> tuple[RunFolder, list[Path]]:
    """Write a run folder, with the suite if it was made of the rows. Return it and the folders that
    had to be created. Raises UserError if it holds another run."""
    folder = RunFolder(path)
    manifest = Manifest.model_validate(manifest.stored())  # as it will be read back
    old = folder.read_manifest()
    if old is not None:
        manifest = manifest.keeping(old, "thinking", "judging", "looks")
    if old and old.model_copy(update={"sealed": manifest.sealed}) != manifest:
        raise UserError(f"--output {folder.path}: holds another run; choose another folder")
    with writing_to(folder.path):
        new = missing_folders(folder.path)
        folder.path.mkdir(parents=True, exist_ok=True)
    if own is not None:
        keep(own, folder.path)
    folder.write_manifest(manifest.model_copy(update={"sealed": folder.seal(samples)}))
    return folder, new


def _with_failures(samples: Sequence[Sample], suite: Suite) -> list[Sample]:
    """Return the samples with an empty answer for each that a problem without any at a temperature
    would have had."""
    cells = Counter(sample.cell for sample in samples)
    answered = {(sample.query, sample.temperature) for sample in samples}
    empty = [
        Reply(
            where="",
            query=query,
            persona="",
            temperature=temperature,
            status="ok",
            text="",
            index=index,
        )
        for query in suite.queries
        for temperature in sorted({sample.temperature for sample in samples})
        if (query, temperature) not in answered
        for index in range(max(cells.values()))
    ]
    return _in_order([*samples, *_numbered(empty, suite)], suite)


def _stem(file: Path) -> str:
    """Return a file's name without its suffixes: `rows` of `rows.jsonl.gz`."""
    name = file.name
    while (suffix := Path(name).suffix).lower() in _SUFFIXES:
        name = name.removesuffix(suffix)
    return safe_id(name)


_BODIES = 0.9  # part of the answers that begin with a blank where all are bodies of functions
_SUFFIXES = (".gz", ".zst", ".jsonl", ".ndjson", ".json", ".csv", ".tsv", ".parquet", ".eval")


def _text_hash(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def _digest(files: Sequence[Path]) -> str:
    contents = [hashlib.sha256(plain_bytes(file)).hexdigest() for file in files]
    if len(set(contents)) < len(contents):
        double = files[[contents.count(content) > 1 for content in contents].index(True)]
        raise UserError(f"score {double}: the same content is named twice; name it once")
    if len(contents) == 1:
        return contents[0]
    return hashlib.sha256("".join(contents).encode()).hexdigest()


def _samples(replies: Sequence[Reply], suite: Suite) -> list[Sample]:
    """Return the samples in plan order. Replies without an index are numbered in file order."""
    return _in_order(_numbered(replies, suite), suite)


def _numbered(replies: Sequence[Reply], suite: Suite) -> list[Sample]:
    counts: Counter[Cell] = Counter()
    samples = []
    for reply in replies:
        index = counts[reply.cell] if reply.index is None else reply.index
        counts[reply.cell] += 1
        samples.append(_sample(reply, suite.id, index=index))
    return samples


def _in_order(samples: Sequence[Sample], suite: Suite) -> list[Sample]:
    queries = {query: place for place, query in enumerate(suite.queries)}
    personas = {persona: place for place, persona in enumerate(suite.personas)}
    return sorted(
        samples,
        key=lambda s: (queries[s.query], personas.get(s.persona, 0), s.temperature, s.index),
    )


def _sample(reply: Reply, suite: str, *, index: int) -> Sample:
    key = f"{suite}\0{reply.query}\0{reply.persona}\0{reply.temperature!r}\0{index}\0{reply.text}"
    words = len(reply.text.split())
    sample = Sample(
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
        error=whole_text(reply.error[:500]),
    )
    if field := unstorable(sample):
        raise UserError(
            f"{reply.where}: {field}: out of range, or half of a surrogate pair, which no run "
            "folder can hold; correct the file"
        )
    return sample
