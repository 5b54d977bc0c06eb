"""Reads Parquet files that somebody else wrote, row by row or as a whole.

A file may say of itself what it likes, and a value of a dictionary is written once however many
rows have it. What it unpacks to is therefore found out in a process of its own, which may take so
much memory and time, before it is read here; once for the same content, and not for the small
tables that this process wrote.
"""

import hashlib
import io
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sfr_eval.errors import UserError, brief_error
from sfr_eval.util.limited import excess
from sfr_eval.util.untrusted import MAX_RATIO, MAX_UNPACKED_BYTES, open_plain

if TYPE_CHECKING:
    import pyarrow as pa
    import pyarrow.parquet as pq

_BATCH = 1024  # rows in memory at a time
_FEWEST_ROWS = 100_000  # never too many
_SMALL = 2**27  # bytes that are never too many
_BATCH_RATIO = 20  # bytes of one batch per byte of the file
_VALUE = 50  # bytes of a Python object
_SECONDS, _SECONDS_PER_BYTE = 30.0, 1e-7

_OWN_RATIO = 2_000
"""Unpacked bytes per byte of a file that we may have written: a model that has collapsed gives one
reply a million times, and some 20 bytes of each row tell the rows apart."""

_harmless: set[tuple[str, int]] = set()
"""(sha256, ratio) of what was tried, or written here. A copy of a large process takes a tenth of a
second."""


@dataclass(frozen=True)
class _Limits:
    """What a file of this size may unpack to, in bytes."""

    whole: int
    batch: int
    seconds: float

    @classmethod
    def of(cls, size: int, *, ratio: int) -> "_Limits":
        return cls(
            whole=max(_SMALL, min(MAX_UNPACKED_BYTES, ratio * size)),
            batch=_SMALL + _BATCH_RATIO * size,
            seconds=_SECONDS + _SECONDS_PER_BYTE * size,
        )


def parquet_rows(file: Path, content: bytes | None = None) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield (file: row N, row) of every row; `content` is that of a file that was packed. Raises
    UserError for a file that is damaged, unpacks to too much, or has a column twice."""
    import pyarrow as pa

    number = 0
    try:
        for batch in _batches(file, content, ratio=MAX_RATIO):
            for row in batch.to_pylist():
                number += 1
                yield f"{file}: row {number}", row
    except UserError:  # which is a ValueError
        raise
    except (
        *(ArithmeticError, LookupError, MemoryError, OSError, TypeError, ValueError),
        pa.ArrowException,
    ) as error:
        raise UserError(f"{file}: a damaged Parquet file ({brief_error(error)})") from None


def own_rows(file: Path) -> Iterator[dict[str, Any]]:
    """Yield the rows of a file that we may have written. Equal texts are one object. Raises
    UserError for what unpacks to too much, pyarrow's errors and OSError for a damaged one."""
    texts: dict[str, str] = {}
    for batch in _batches(file, ratio=_OWN_RATIO):
        for row in batch.to_pylist():
            yield {
                name: texts.setdefault(value, value) if type(value) is str else value
                for name, value in row.items()
            }


def own_table(file: Path) -> "pa.Table":
    """Return the whole table of a file that we may have written. Raises what `own_rows` raises."""
    import pyarrow.parquet as pq

    _refuse_too_much(file, None, ratio=MAX_RATIO)
    with open_plain(file) as stream:
        return pq.ParquetFile(stream).read()


def write_own(table: "pa.Table", file: Path, **options: Any) -> str:
    """Write a table, and return the sha256 of the file. Reading it again needs no trial if nobody
    would call its size too much."""
    import pyarrow.parquet as pq

    pq.write_table(table, file, compression="zstd", **options)
    with open_plain(file) as stream:
        digest = hashlib.file_digest(stream, "sha256").hexdigest()
    chunks = (chunk for column in table.columns for chunk in column.chunks)
    if sum(map(_weight, chunks)) <= _SMALL:
        _harmless.update((digest, ratio) for ratio in (MAX_RATIO, _OWN_RATIO))
    return digest


def refuse_double(columns: Sequence[str], *, where: str) -> None:
    """Raise UserError if two columns of a table have one name, since one would be lost."""
    if len(set(columns)) < len(columns):
        double = next(name for name in columns if columns.count(name) > 1)
        raise UserError(f"{where}: two columns are called `{double}`; rename one")


def _batches(file: Path, content: bytes | None = None, *, ratio: int) -> Iterator["pa.RecordBatch"]:
    """Yield the rows of a file that unpacks to an amount that fits its size, some at a time."""
    _refuse_too_much(file, content, ratio=ratio)
    yield from _unchecked(file, content)


def _unchecked(file: Path, content: bytes | None) -> Iterator["pa.RecordBatch"]:
    import pyarrow.parquet as pq

    with _opened(file, content) as stream:
        table = pq.ParquetFile(stream, pre_buffer=False)
        refuse_double(table.schema_arrow.names, where=str(file))
        yield from table.iter_batches(batch_size=_BATCH, use_threads=False)


def _opened(file: Path, content: bytes | None) -> io.BytesIO | io.BufferedReader:
    return io.BytesIO(content) if content is not None else open_plain(file)


def _refuse_too_much(file: Path, content: bytes | None, *, ratio: int) -> None:
    """Raise UserError if a file unpacks to more than fits its size. A damaged file passes: whoever
    reads it says so."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    with _opened(file, content) as stream:
        size = stream.seek(0, io.SEEK_END)
        stream.seek(0)
        tried = hashlib.file_digest(stream, "sha256").hexdigest(), ratio
        stream.seek(0)
        try:
            _refuse_stated(pq.ParquetFile(stream).metadata, file, size=size)
        except (ArithmeticError, LookupError, MemoryError, OSError, TypeError, pa.ArrowException):
            return
    if tried in _harmless:
        return
    limits = _Limits.of(size, ratio=ratio)
    much = excess(_trial(file, content, limits), seconds=limits.seconds, memory=limits.batch)
    if much is not None:
        raise UserError(f"{file}: takes {much} to unpack, {_REMEDY}")
    _harmless.add(tried)


_REMEDY = "too much for a file of this size; unpack it yourself if you trust it"


def _refuse_stated(facts: "pq.FileMetaData", file: Path, *, size: int) -> None:
    """Raise UserError if a file says that it unpacks to more than MAX_RATIO bytes per byte, or to
    more rows than it has bytes."""
    groups = [facts.row_group(group) for group in range(facts.num_row_groups)]
    stated = sum(group.total_byte_size for group in groups)
    if stated > max(2**24, min(MAX_UNPACKED_BYTES, MAX_RATIO * size)) or facts.num_rows > max(
        _FEWEST_ROWS, 10 * size
    ):
        raise UserError(
            f"{file}: unpacks to {stated:,} bytes in {facts.num_rows:,} rows, {_REMEDY}"
        )


def _trial(file: Path, content: bytes | None, limits: _Limits) -> Callable[[], None]:
    """Return a call that unpacks a file and ends its process where that is more than allowed."""

    def run() -> None:
        import pyarrow as pa

        # The default pool takes more of the address space than it uses.
        pa.set_memory_pool(pa.system_memory_pool())
        size = 0
        for batch in _unchecked(file, content):
            weight = sum(_weight(column) for column in batch.columns)
            size += weight
            if weight > limits.batch or size > limits.whole:
                raise MemoryError

    return run


def _weight(array: "pa.Array", *, each: int = 0) -> int:
    """Return the bytes that an array takes once no value is shared, and `each` of its values as an
    object of Python; those within lists and mappings always count as such."""
    import pyarrow as pa

    kind, types = array.type, pa.types
    if isinstance(array, pa.ExtensionArray):
        return _weight(array.storage, each=each)
    if types.is_dictionary(kind):
        return _weight(array.dictionary_decode(), each=each)
    if types.is_string_view(kind) or types.is_binary_view(kind):
        return _weight(array.cast(pa.large_binary()), each=each)
    parts: list[pa.Array] = []
    if types.is_struct(kind):
        parts = array.flatten()
    elif types.is_map(kind):
        parts = [array.keys, array.items]
    elif types.is_nested(kind):
        parts = [array.flatten()]
    own = int(array.nbytes) if not parts else 0
    return own + each * len(array) + sum(_weight(part, each=_VALUE) for part in parts)
