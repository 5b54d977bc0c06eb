"""Rows of samples, votes and verdicts: one line of JSON each, with a checksum."""

import dataclasses
import functools
import json
import math
import os
import sys
import time
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import UnionType
from typing import (
    IO,
    TYPE_CHECKING,
    Any,
    Literal,
    TypeVar,
    Union,
    get_args,
    get_origin,
    get_type_hints,
)

from sfr_eval.types import Sample
from sfr_eval.util.files import append_whole, lock, writing_to
from sfr_eval.util.untrusted import open_for_append, open_plain, plain_bytes, whole_text

if TYPE_CHECKING:
    import pyarrow as pa
    from _typeshed import DataclassInstance

Row = TypeVar("Row")

_FSYNC_SECONDS = 5.0
_COUNTS = ("index", "prompt_tokens", "completion_tokens")
_COUNT = (0, 2**31 - 1)  # 32 bits in samples.parquet
_INT64 = (-(2**63), 2**63 - 1)
_LEFT_OUT = object()
_CHECKSUM = ',"crc":"'


class SampleWriter:
    """Appends rows of a frozen dataclass to a new file, in whole lines."""

    def __init__(self, file: Path) -> None:
        self.file = file
        self._stream: IO[bytes] | None = None
        self._synced = time.monotonic()

    @classmethod
    def next_in(cls, folder: Path) -> "SampleWriter":
        """Return a writer to a new file of a folder, numbered after those of earlier sessions."""
        numbers = [int(file.stem) for file in folder.glob("[0-9]*.jsonl")]
        return cls(folder / f"{max(numbers, default=0) + 1:04d}.jsonl")

    def append(self, rows: Iterable["DataclassInstance"]) -> None:
        """Write rows. They survive the death of this process once the call returns, and a power
        cut some seconds later."""
        lines = b"".join(encode_row(row) for row in rows)
        if not lines:
            return
        with writing_to(self.file.parent.parent):
            if self._stream is None:
                self._stream = self.file.open("xb", buffering=0)
            append_whole(self._stream, lines)
            if time.monotonic() - self._synced > _FSYNC_SECONDS:
                os.fsync(self._stream.fileno())
                self._synced = time.monotonic()

    def close(self) -> None:
        """Flush to the disk and close. There is no file if nothing was written."""
        if self._stream is not None:
            with writing_to(self.file.parent.parent):
                os.fsync(self._stream.fileno())
            self._stream.close()
            self._stream = None


@contextmanager
def appending(file: Path) -> Iterator[Callable[["DataclassInstance"], None]]:
    """Add rows to a file that an earlier session may have begun, each whole or not at all. Several
    processes may do so at once."""
    with writing_to(file.parent):
        file.parent.mkdir(parents=True, exist_ok=True)
        with open_for_append(file) as stream:
            _begin_line(file, stream)
            yield lambda row: append_whole(stream, encode_row(row))
            os.fsync(stream.fileno())


def intact_rows(file: Path, kind: type[Row]) -> Iterator[Row]:
    """Yield the rows of such a file, without those that are torn or damaged."""
    if not file.is_file():
        return
    with open_plain(file) as lines:
        for line in lines:
            row = decode_row(line, kind)
            if row is not None:
                yield row


def _begin_line(file: Path, stream: IO[bytes]) -> None:
    """Remove what a killed writer left at the end: the next row would be lost with it. It is only
    ended if it is a whole row, or if somebody else may be about to add the rest."""
    alone = lock(stream.fileno(), wait=False)
    rest = _unfinished_line(file)
    if rest and alone and _checked(rest) is None:
        stream.truncate(file.stat().st_size - len(rest))
    elif rest:
        append_whole(stream, b"\n")
    lock(stream.fileno(), wait=True, shared=True)  # until it is closed: others do not remove


def _unfinished_line(file: Path) -> bytes:
    """Return the last line if it has no end, else b""."""
    with open_plain(file) as stream:
        if stream.seek(0, os.SEEK_END) == 0:
            return b""
        stream.seek(-1, os.SEEK_END)
        if stream.read(1) == b"\n":
            return b""
    return plain_bytes(file).rpartition(b"\n")[2]


def encode_row(row: "DataclassInstance") -> bytes:
    """Return one line of JSON whose last key is the CRC-32 of everything before it."""
    fields = {name: getattr(row, name) for name in _field_names(type(row))}
    body = json.dumps(fields, ensure_ascii=True, separators=(",", ":"))[:-1]
    return f'{body}{_CHECKSUM}{zlib.crc32(body.encode()):08x}"}}\n'.encode()


def decode_row(line: bytes, kind: type[Row]) -> Row | None:
    """Return the row of a line, or None if the line is torn or damaged."""
    try:
        body = _checked(line)
        if body is None:
            return None
        fields = json.loads(body + "}")
        return None if _misfit(fields, kind) else kind(**fields)
    except (ValueError, TypeError, RecursionError):
        return None


def _checked(line: bytes) -> str | None:
    """Return what the checksum of a line is of; None if that differs, or there is none."""
    try:
        body, separator, rest = line.decode().rpartition(_CHECKSUM)
        is_whole = rest.rstrip("\n") == f'{zlib.crc32(body.encode()):08x}"}}'
    except ValueError:
        return None
    return body if separator and is_whole else None


def sample_from(row: dict[str, Any]) -> Sample:
    """Make a sample that shares its repeated texts with others: there may be a million rows. Raises
    ValueError or TypeError for a row that none of our files holds."""
    if _misfit(row, Sample):
        raise ValueError("not a sample")
    for name in ("suite", "query", "persona", "status", "error"):
        row[name] = sys.intern(row[name])
    return Sample(**row)


def unstorable(sample: Sample) -> str:
    """Return the name of a field that samples.parquet cannot hold, or "": half of a surrogate pair
    in a text, a number out of range, or something of another type."""
    return _misfit({name: getattr(sample, name) for name in _field_names(Sample)}, Sample)


def _misfit(fields: Mapping[str, Any], kind: Any) -> str:
    """Return the name of a simple field of a row that is not of its type, or "". Numbers are finite
    and no larger than a file keeps, texts of samples can be written as UTF-8: whoever wrote the row
    may have written anything."""
    for name, types, choices in _simple_fields(kind):
        value = fields.get(name, _LEFT_OUT)
        if value is _LEFT_OUT:  # the class itself says whether it may be
            continue
        if type(value) not in types or (choices and value not in choices):
            return name
        if type(value) is int:
            least, most = _COUNT if name in _COUNTS else _INT64
            if not least <= value <= most:
                return name
        if type(value) is float and not math.isfinite(value):
            return name
        if type(value) is str and kind is Sample and whole_text(value) != value:
            return name
        if name == "temperature" and value < 0:
            return name
    return ""


@functools.cache
def _simple_fields(kind: Any) -> tuple[tuple[str, tuple[type, ...], tuple[str, ...]], ...]:
    """Return (name, types, choices) of the fields that hold a text, a number or nothing. Without
    choices any text will do."""
    fields = []
    for name, hint in get_type_hints(kind).items():
        parts = get_args(hint) if get_origin(hint) in (Union, UnionType) else (hint,)
        choices = get_args(hint) if get_origin(hint) is Literal else ()
        if choices:
            parts = tuple({type(value) for value in choices})
        if all(part in (str, int, float, bool, type(None)) for part in parts):
            whole = (*parts, int) if float in parts else parts
            fields.append((name, tuple(whole), choices))
    return tuple(fields)


@functools.cache
def _field_names(kind: "type[DataclassInstance]") -> tuple[str, ...]:
    return tuple(field.name for field in dataclasses.fields(kind))


def to_table(samples: Sequence[Sample]) -> "pa.Table":
    """Return samples as an Arrow table with a fixed schema."""
    import pyarrow as pa

    types = {
        "temperature": pa.float64(),
        "index": pa.int32(),
        "seed": pa.int64(),
        "prompt_tokens": pa.int32(),
        "completion_tokens": pa.int32(),
    }
    names = _field_names(Sample)
    schema = pa.schema([(name, types.get(name, pa.string())) for name in names])
    columns = {name: [getattr(sample, name) for sample in samples] for name in names}
    return pa.table(columns, schema=schema)
