"""Training rows in memory-mapped files: {prompt, completion}, or {messages} with several replies.

    cache/data/<key>/train.arrow, validation.arrow, survey.json (written last)

The source is read twice as a stream: once to check every row, to count, and to draw what is held
out; once to write. The key is a digest of the source's content and of all settings, so that the
files are found by the next run, by the other ranks, and never for other rows. They may be deleted.
"""

import hashlib
import json
import os
import secrets
from array import array
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import datasets
import numpy as np
from datasets.arrow_writer import ArrowWriter

from sfr_eval.errors import RunError, UserError
from sfr_eval.util.assets import cache_folder
from sfr_eval.util.chat_rows import Chat
from sfr_eval.util.files import write_atomic
from sfr_eval.util.progress import Bar, log
from sfr_eval.util.tabular import stem_suffix
from sfr_eval.util.untrusted import open_plain
from sfr_train.data.chat_data import DataSettings, Source, chats_of
from sfr_train.data.held_out import held_out
from sfr_train.data.hub import load_dataset
from sfr_train.data.pieces import key_of
from sfr_train.data.turns import one_at_a_time

_FORMAT = "2"


@dataclass(frozen=True, kw_only=True)
class Survey:
    """What a first reading found.

    fingerprint: digest of all chats and of what each of them excludes, in order. whole: rows are
    whole chats, since some chat has several replies and none has a prompt apart or a reply that is
    not to be learned, which no mask over whole chats could leave out. uses: parts of turns beside
    role and content, each with the first place where it occurs; ignored: fields that are not read.
    """

    chats: int
    held_out: int
    fingerprint: str
    whole: bool
    tools: bool
    options: bool
    uses: dict[str, str] = field(default_factory=dict)
    ignored: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Tables:
    """Rows to train on and to validate on, if any, with what is known of them."""

    train: Any
    validation: Any
    survey: Survey


def load_tables(settings: DataSettings, *, cache: Path | None = None) -> Tables:
    """Return the rows, read now if they are not in the cache. Raises UserError for a row that is no
    chat, before anything is written."""
    cache = cache or cache_folder()
    sources = _sources(settings, cache=cache)
    key = _key(sources, settings)
    folder = cache / "data" / key
    report = folder / "survey.json"
    with one_at_a_time(folder.with_suffix(".lock"), what="read the data", scratch=folder):
        if not report.is_file():
            survey, chosen = _survey(sources, settings)
            _write(folder, sources, settings, survey, chosen)
            write_atomic(report, json.dumps(asdict(survey)))
    survey = Survey(**json.loads(report.read_text(encoding="utf-8")))
    if survey.ignored and os.environ.get("RANK", "0") == "0":
        names = [name if len(name) <= 40 else f"{name[:40]}..." for name in survey.ignored]
        more = f" and {len(names) - 5:,} more" if len(names) > 5 else ""
        fields = ", ".join(names[:5]) + more
        first = next(iter(survey.ignored.values()))
        log(f"data: fields of rows that are not read: {fields} (first in {first})")
    train, validation = (_table(folder / f"{part}.arrow", key) for part in _PARTS)
    return Tables(train=train, validation=validation, survey=survey)


_PARTS = ("train", "validation")


def _table(file: Path, key: str) -> Any:
    table = datasets.Dataset.from_file(str(file))
    if not len(table):
        return None
    return datasets.Dataset(table.data, info=table.info, fingerprint=key_of(key, file.stem))


def _sources(settings: DataSettings, *, cache: Path) -> list[Source]:
    """Open the source of the rows, and that of the rows to validate on, if it is another."""
    limit = settings.limit
    if settings.dataset is None:
        sources = [Source(file=settings.file, world=settings.world, limit=limit)]
    else:
        name, options = str(settings.dataset), {"split": settings.split}
        if Path(name).exists():  # the datasets library tells files by name and time only
            files = sorted(file for file in Path(name).rglob("*") if file.is_file())
            content = key_of(*(f"{file.relative_to(name)} {_digest(file)}" for file in files))
            options["cache_dir"] = str(cache / "data" / f"local-{content}")
        lock = cache / "data" / f"{key_of(name, settings.subset, settings.split)}.lock"
        with one_at_a_time(lock, what=f"load {name}"):
            rows = load_dataset(name, settings.subset, where=f"data.dataset {name}", **options)
        sources = [Source(dataset=rows, name=name, limit=limit)]
    if settings.validation_file is not None:
        sources.append(Source(file=settings.validation_file))
    return sources


def _key(sources: Sequence[Source], settings: DataSettings) -> str:
    """Return a digest of the content of the sources and of all settings that decide rows."""
    named = {"file", "personas", "validation_file"}
    parts = [_FORMAT, settings.model_dump_json(exclude=named)]
    parts += [_digest(settings.personas)] if settings.personas else []
    for source in sources:
        if source.file is not None:
            next(source.rows(), None)  # says in one line what is wrong with the file
            parts.append(f"{stem_suffix(source.file)} {_digest(source.file)}")
        elif source.dataset is not None:
            files = [_digest(Path(part["filename"])) for part in source.dataset.cache_files]
            parts += files or [source.dataset._fingerprint]
        else:  # the grammar is code: its text tells one version from another
            digest = hashlib.sha256()
            for _, row in source.rows():
                digest.update(json.dumps(row).encode())
            parts.append(digest.hexdigest())
    return key_of(*parts)


def _digest(file: Path) -> str:
    try:
        with open_plain(file) as stream:
            return hashlib.file_digest(stream, "sha256").hexdigest()
    except OSError as error:
        raise UserError(f"{file}: cannot be read ({error.strerror})") from None


def _survey(sources: Sequence[Source], settings: DataSettings) -> tuple[Survey, Any]:
    """Read everything once. Returns what is found, and which chats are held out."""
    digest = hashlib.sha256()
    strata = array("Q")
    several = apart = tools = options = False
    uses: dict[str, str] = {}
    ignored: dict[str, str] = {}
    sizes = []
    with Bar("checking rows", None, unit="rows", brief=True) as bar:
        for source in sources:
            before = len(strata)
            for where, chat in chats_of(source, settings):
                several |= len(list(chat.replies())) > 1
                context = chat.turns[: chat.start]
                apart |= bool(chat.skipped) or any(turn["role"] != "system" for turn in context)
                tools |= chat.tools is not None
                options |= bool(chat.template)
                for name in chat.parts():
                    uses.setdefault(name, where)
                for name in chat.ignored:
                    ignored.setdefault(name, where)
                digest.update(_content(chat))
                strata.append(_stratum(chat))
                bar.advance()
            sizes.append(len(strata) - before)
    if not sizes[0]:
        raise UserError("data: has no rows")
    if len(sizes) > 1:
        chosen = np.arange(len(strata)) >= sizes[0]
        if not chosen.any():
            raise UserError("data.validation_file: has no rows")
    else:
        numbers = np.frombuffer(strata, dtype=np.uint64)
        chosen = held_out(numbers, settings.validation, seed=settings.validation_seed)
    survey = Survey(
        chats=len(strata),
        held_out=int(chosen.sum()),
        fingerprint=digest.hexdigest()[:24],
        whole=several and not apart,
        tools=tools,
        options=options or bool(settings.template),
        uses=uses,
        ignored=ignored,
    )
    return survey, chosen


def _content(chat: Chat) -> bytes:
    values = [chat.turns, chat.start, sorted(chat.skipped), chat.tools, chat.template]
    return json.dumps(values, sort_keys=True).encode() + b"\n"


def _stratum(chat: Chat) -> int:
    """Return a number of the chat's system message, which a persona's card is, too."""
    first = chat.turns[0]
    text = str(first["content"]) if first["role"] == "system" else ""
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "little")


def _write(
    folder: Path, sources: Sequence[Source], settings: DataSettings, survey: Survey, chosen: Any
) -> None:
    """Write the rows of both parts. Raises RunError if the source is no longer what was read."""
    files = [folder / f"{part}.arrow" for part in _PARTS]
    scratch = [file.with_suffix(f".{secrets.token_hex(8)}.part") for file in files]
    digest = hashlib.sha256()
    features = _features(survey)
    try:
        with ExitStack() as stack:
            writers = [
                stack.enter_context(
                    ArrowWriter(features=features, path=str(file), writer_batch_size=256)
                )
                for file in scratch
            ]
            bar = stack.enter_context(Bar("writing rows", survey.chats, unit="rows", brief=True))
            number = 0
            for source in sources:
                for _, chat in chats_of(source, settings):
                    digest.update(_content(chat))
                    if number < len(chosen):
                        for row in rows_of(chat, survey, template=settings.template):
                            writers[int(chosen[number])].write(row)
                    number += 1
                    bar.advance()
            for writer in writers:
                writer.finalize()
        if digest.hexdigest()[:24] != survey.fingerprint:
            raise RunError("data: the rows changed while they were read; repeat the command")
        for file, part in zip(files, scratch, strict=True):
            part.replace(file)
    finally:
        for part in scratch:
            part.unlink(missing_ok=True)


def _features(survey: Survey) -> Any:
    """Return the columns. A turn is kept as JSON, since a table would give it the fields of all
    others, empty, and templates ask whether a turn has a field."""
    names = ("messages",) if survey.whole else ("prompt", "completion")
    columns: dict[str, Any] = {name: datasets.List(datasets.Json()) for name in names}
    columns |= {"tools": datasets.Json()} if survey.tools else {}
    columns |= {"chat_template_kwargs": datasets.Json()} if survey.options else {}
    return datasets.Features(columns)


def rows_of(chat: Chat, survey: Survey, *, template: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Yield the row {messages} of a chat, or {prompt, completion} of each of its replies."""
    more: dict[str, Any] = (
        {"tools": list(chat.tools) if chat.tools else None} if survey.tools else {}
    )
    more |= {"chat_template_kwargs": {**template, **chat.template}} if survey.options else {}
    if survey.whole:
        yield {"messages": list(chat.turns), **more}
        return
    for before, reply in chat.replies():
        yield {"prompt": list(before), "completion": list(reply), **more}
