"""What is on disk, and how it stays whole through a crash.

    manifest.json     resolved settings, fingerprints, versions, status running | complete | partial
    samples/*.jsonl   append-only: one file for each session, one line for each completion, each
                      line with its own checksum; a torn last line is dropped when read
    samples.parquet   the rows of the plan, in plan order (zstd): equal runs have equal bytes
    scores/           one Parquet file for each metric family
    results.json      every Estimate

Rows hold nothing that differs between equal runs, so an interrupted and resumed run seals to the
same bytes as an uninterrupted one.
"""

import dataclasses
import functools
import hashlib
import json
import os
import sys
import time
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import IO, TYPE_CHECKING, Any, TypeVar

from sfr_eval.errors import UserError
from sfr_eval.types import Sample
from sfr_eval.util.files import append_whole, atomic_path, write_atomic, writing_to
from sfr_eval.util.lock import FolderLock
from sfr_eval.util.untrusted import open_for_append, refuse_links

if TYPE_CHECKING:
    import pyarrow as pa
    from _typeshed import DataclassInstance

Row = TypeVar("Row")

FORMAT_VERSION = 1
_FSYNC_SECONDS = 5.0
_CHECKSUM = ',"crc":"'


class RunFolder:
    """One run's folder. Open it with `with`: it is locked against a second writer."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.damaged: list[str] = []  # file:line of rows that `read_samples` had to leave out
        self._lock = FolderLock(path / ".lock", where=str(path))

    @property
    def manifest_file(self) -> Path:
        """Settings and status of the run."""
        return self.path / "manifest.json"

    @property
    def samples_file(self) -> Path:
        """Sealed samples."""
        return self.path / "samples.parquet"

    @property
    def results_file(self) -> Path:
        """All estimates."""
        return self.path / "results.json"

    def __enter__(self) -> "RunFolder":
        with writing_to(self.path):
            refuse_links(self.path)
            (self.path / "samples").mkdir(parents=True, exist_ok=True)
            self._lock.take()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._lock.release()

    def read_manifest(self) -> dict[str, Any] | None:
        """The manifest, or None in a folder without one; UserError if it is damaged."""
        try:
            loaded = json.loads(self.manifest_file.read_text(encoding="utf-8"))
        except FileNotFoundError:
            return None
        except NotADirectoryError:
            raise UserError(f"{self.path}: is a file, not a run folder") from None
        except ValueError:
            raise UserError(
                f"{self.manifest_file}: damaged; restore it or choose another --output"
            ) from None
        except OSError as error:
            raise UserError(f"{self.manifest_file}: cannot be read ({error.strerror})") from None
        if not isinstance(loaded, dict) or loaded.get("format") != FORMAT_VERSION:
            raise UserError(f"{self.manifest_file}: not a run of this version of sfr-eval")
        return loaded

    def write_manifest(self, manifest: Mapping[str, Any]) -> None:
        """Replace the manifest."""
        with writing_to(self.path):
            content = {"format": FORMAT_VERSION, **manifest}
            write_atomic(self.manifest_file, json.dumps(content, indent=2, ensure_ascii=False))

    def read_samples(self) -> dict[str, Sample]:
        """All stored rows by sample_id. An answer replaces an earlier error of the same id.

        A torn last line is what a crash leaves, and is dropped. Damage elsewhere is dropped too,
        but named in `damaged`; either way the row is missing and will be drawn again.
        """
        rows: dict[str, Sample] = {}
        self.damaged = []
        for file in sorted((self.path / "samples").glob("*.jsonl")):
            for number, last, sample in _read_lines(file):
                if sample is None:
                    if not last:
                        self.damaged.append(f"{file}:{number}")
                    continue
                known = rows.get(sample.sample_id)
                if known is None or known.status == "error":
                    rows[sample.sample_id] = sample
        return rows

    def writer(self) -> "SampleWriter":
        """A new append-only file, after those of earlier sessions."""
        numbers = [int(file.stem) for file in (self.path / "samples").glob("[0-9]*.jsonl")]
        return SampleWriter(self.path / "samples" / f"{max(numbers, default=0) + 1:04d}.jsonl")

    def seal(self, samples: Sequence[Sample]) -> str:
        """Write the rows, in the order given, as Parquet. Equal rows give equal bytes. Returns the
        sha256 of the file, for `sealed` in the manifest."""
        import pyarrow.parquet as pq

        with writing_to(self.path), atomic_path(self.samples_file) as temporary:
            pq.write_table(to_table(samples), temporary, compression="zstd", row_group_size=65_536)
            return _sha256(temporary)

    def sealed_samples(self) -> list[Sample]:
        """The rows of samples.parquet, in plan order. UserError if it is damaged, which is seen by
        its sha256 where the manifest has that."""
        import pyarrow.parquet as pq

        expected = (self.read_manifest() or {}).get("sealed")
        try:
            if expected is not None and _sha256(self.samples_file) != expected:
                raise ValueError
            batches = pq.ParquetFile(self.samples_file).iter_batches(batch_size=8_192)
            return [_shared(row) for batch in batches for row in batch.to_pylist()]
        except FileNotFoundError:
            raise UserError(f"{self.path}: no samples.parquet; run it to its end first") from None
        except (ValueError, TypeError, OSError):  # pyarrow's for a torn file, ours for another one
            raise UserError(
                f"{self.samples_file}: damaged; repeat the command that made it"
            ) from None

    def write_scores(self, name: str, table: "pa.Table") -> None:
        """Write scores/<name>.parquet."""
        import pyarrow.parquet as pq

        with writing_to(self.path):
            (self.path / "scores").mkdir(exist_ok=True)
            with atomic_path(self.path / "scores" / f"{name}.parquet") as temporary:
                pq.write_table(table, temporary, compression="zstd")

    def write_results(self, results: Mapping[str, Any]) -> None:
        """Replace results.json. NaN is refused: undefined values are null with a reason."""
        with writing_to(self.path):
            write_atomic(
                self.results_file,
                json.dumps(results, indent=1, allow_nan=False, ensure_ascii=False),
            )

    def read_results(self) -> dict[str, Any]:
        """results.json of a finished run."""
        try:
            loaded: dict[str, Any] = json.loads(self.results_file.read_text(encoding="utf-8"))
        except FileNotFoundError:
            shard = (self.read_manifest() or {}).get("shard")
            raise UserError(
                f"{self.path}: no results.json; run `sfr-eval score` on it"
                + (f" and on the other shards ({shard})" if shard else "")
            ) from None
        except ValueError:
            raise UserError(
                f"{self.results_file}: damaged; run `sfr-eval score {self.path}` again"
            ) from None
        return loaded


class SampleWriter:
    """Appends rows of a frozen dataclass; each call hands complete lines to the operating
    system."""

    def __init__(self, file: Path) -> None:
        self.file = file
        self._stream: IO[bytes] | None = None
        self._synced = time.monotonic()

    def append(self, samples: Iterable["DataclassInstance"]) -> None:
        """Write rows. A row survives the death of this process as soon as the call returns, and
        the loss of power some seconds later."""
        lines = b"".join(encode_row(sample) for sample in samples)
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
        """Flush to the disk and close; no file is left when nothing was written."""
        if self._stream is not None:
            with writing_to(self.file.parent.parent):
                os.fsync(self._stream.fileno())
            self._stream.close()
            self._stream = None


@contextmanager
def appending(file: Path) -> Iterator[Callable[["DataclassInstance"], None]]:
    """Add rows to a file that earlier sessions may have begun, each whole or not at all."""
    with writing_to(file.parent):
        file.parent.mkdir(parents=True, exist_ok=True)
        with open_for_append(file) as stream:
            if _torn(file):
                append_whole(stream, b"\n")  # or the next row would be lost with the torn one
            yield lambda row: append_whole(stream, encode_row(row))
            os.fsync(stream.fileno())


def kept_rows(file: Path, kind: type[Row]) -> Iterator[Row]:
    """The rows of such a file; torn and damaged ones are as if they had never been written."""
    if not file.is_file():
        return
    with file.open("rb") as lines:
        for line in lines:
            row = decode(line, kind)
            if row is not None:
                yield row


def _torn(file: Path) -> bool:
    """Whether the last line was not written to its end."""
    with file.open("rb") as stream:
        if stream.seek(0, os.SEEK_END) == 0:
            return False
        stream.seek(-1, os.SEEK_END)
        return stream.read(1) != b"\n"


def encode_row(row: "DataclassInstance") -> bytes:
    """One line of JSON whose last key is the CRC-32 of everything before it."""
    fields = {name: getattr(row, name) for name in _field_names(type(row))}
    body = json.dumps(fields, ensure_ascii=True, separators=(",", ":"))[:-1]
    return f'{body}{_CHECKSUM}{zlib.crc32(body.encode()):08x}"}}\n'.encode()


def decode_row(line: bytes) -> Sample | None:
    """The sample of a line, or None when the line is torn or damaged."""
    return decode(line, Sample)


def decode(line: bytes, kind: type[Row]) -> Row | None:
    """The row of a line, or None when the line is torn or damaged."""
    try:
        text = line.decode()
        body, separator, rest = text.rpartition(_CHECKSUM)
        if not separator or rest.rstrip("\n") != f'{zlib.crc32(body.encode()):08x}"}}':
            return None
        return kind(**json.loads(body + "}"))
    except (ValueError, TypeError, RecursionError):
        return None


_REPEATED = ("suite", "query", "persona", "status", "error")


def _shared(row: dict[str, Any]) -> Sample:
    """A row whose repeated texts are one object each, as a million rows would have it."""
    for name in _REPEATED:
        row[name] = sys.intern(row[name])
    return Sample(**row)


def _sha256(file: Path) -> str:
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def _read_lines(file: Path) -> Iterator[tuple[int, bool, Sample | None]]:
    """(line number, is it the last, row or None if damaged) of each line."""
    try:
        lines = file.read_bytes().splitlines(keepends=True)
    except OSError as error:
        raise UserError(f"{file}: cannot be read ({error.strerror})") from None
    for number, line in enumerate(lines, start=1):
        yield number, number == len(lines), decode_row(line)


@functools.cache
def _field_names(kind: "type[DataclassInstance]") -> tuple[str, ...]:
    return tuple(field.name for field in dataclasses.fields(kind))


_FIELDS = _field_names(Sample)


def to_table(samples: Sequence[Sample]) -> "pa.Table":
    """Samples as an Arrow table with a fixed schema."""
    import pyarrow as pa

    types = {
        "temperature": pa.float64(),
        "index": pa.int32(),
        "seed": pa.int64(),
        "prompt_tokens": pa.int32(),
        "completion_tokens": pa.int32(),
    }
    schema = pa.schema([(name, types.get(name, pa.string())) for name in _FIELDS])
    columns = {name: [getattr(sample, name) for sample in samples] for name in _FIELDS}
    return pa.table(columns, schema=schema)
