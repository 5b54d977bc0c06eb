"""What a foreign file holds, whatever its container: JSON lines, JSON, CSV, TSV, Parquet, packed.

The content decides, not the name. Rows come with their place; what cannot be read is named as what
it is.
"""

import csv
import io
import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from itertools import islice
from pathlib import Path
from typing import Any

from sfr_eval.errors import UserError
from sfr_eval.formats.read.names import ID_NAMES, KNOWN_NAMES, plain
from sfr_eval.util.field_names import PROMPTS
from sfr_eval.util.parquet import parquet_rows, refuse_double
from sfr_eval.util.untrusted import (
    MAX_UNPACKED_BYTES,
    bounded_lines,
    open_plain,
    plain_bytes,
    unpacked,
)

Row = Mapping[str, Any]
Place = tuple[str, Any]
"""(file:line or row, value)"""

LOG_SUFFIXES = (".eval",)
FIRST_ROWS = 50
"""From so many rows it is told what the fields of a file mean."""

_GZIP, _ZSTD, _PARQUET, _ZIP = b"\x1f\x8b", b"\x28\xb5\x2f\xfd", b"PAR1", b"PK"
_OTHERS = {
    b"\x89PNG": "a PNG image",
    b"\xff\xd8\xff": "a JPEG image",
    b"GIF8": "a GIF image",
    b"%PDF": "a PDF",
    b"SQLite format 3": "an SQLite database",
    b"ARROW1": "an Arrow file",
    b"\xff\xff\xff\xff": "an Arrow stream",
    b"\x80\x04": "a Python pickle",
    b"\x80\x05": "a Python pickle",
    b"GGUF": "model weights (GGUF)",
    b"BZh": "packed with bzip2",
    b"\xfd7zXZ": "packed with xz",
    b"7z\xbc\xaf": "a 7z archive",
    b"\xd0\xcf\x11\xe0": "an old Office document",
    b"\x7fELF": "a program",
}
READ = "JSON lines, JSON, CSV, TSV or Parquet, also as .gz or .zst"
_BOMS = {  # the longer ones first
    **dict.fromkeys((b"\xff\xfe\x00\x00", b"\x00\x00\xfe\xff"), "utf-32"),
    b"\xef\xbb\xbf": "utf-8-sig",
    b"\xff\xfe": "utf-16",
    b"\xfe\xff": "utf-16",
}
_WRAPPERS = (
    *("data", "rows", "results", "samples", "examples", "instances", "generations"),
    *("outputs", "records", "items", "responses", "completions", "request_states"),
)
"""Keys of a JSON object under which its rows may be."""
_ASKED, _DELIMITERS = {*PROMPTS, *ID_NAMES}, ",;\t|"


@dataclass(frozen=True, eq=False)
class Source:
    """A file, opened as far as needed to see what it is."""

    file: Path
    kind: str  # lines, json, table or log
    places: Callable[[], Iterable[Place]] = field(repr=False)  # of its rows, each time anew
    document: Any = None  # the value of a file that is one JSON value

    def rows(self) -> Iterator[tuple[str, Row]]:
        """Yield (where, row). Raises UserError for a row that is not a record."""
        for where, row in self.places():
            if not isinstance(row, Mapping):
                raise UserError(
                    f"{where}: is {_kind_of(row)}, not a record like "
                    '{"prompt": "...", "text": "..."}'
                )
            yield where, row

    @cached_property
    def first_rows(self) -> Sequence[Row]:
        """The first records; fewer if there is something else among them."""
        if self.kind == "log":
            return ()
        return [row for _, row in islice(self.places(), FIRST_ROWS) if isinstance(row, Mapping)]

    @property
    def first(self) -> Row:
        """The first record; empty if there is none."""
        return next(iter(self.first_rows), {})


def open_source(file: Path) -> Source:
    """Open a file. Raises UserError if it cannot be read, or holds nothing that is read here."""
    if file.is_dir():
        raise UserError(f"score {file}: is a folder; name the files in it")
    head = _head(file)
    if not head and file.suffix not in LOG_SUFFIXES:
        raise UserError(f"{file}: is empty")
    if head.startswith((_GZIP, _ZSTD)):
        raw, gzip = _file_bytes(file), head.startswith(_GZIP)
        content = unpacked(raw, where=str(file)) if gzip else _unpacked_zstd(raw, file)
        return _opened(file, content[:16], content)
    return _opened(file, head, None)


def _opened(file: Path, head: bytes, content: bytes | None) -> Source:
    """Open a file by the first bytes of its content, which is given if it was packed."""
    if head.startswith(_PARQUET):
        return _parquet(file, content)
    if head.startswith(_ZIP):
        if file.suffix in LOG_SUFFIXES and content is None:
            return Source(file, "log", tuple)
        sheet = ".xls" in file.name
        what = "a spreadsheet; save it as CSV" if sheet else "a zip archive; unpack it"
        raise UserError(f"{file}: is {what}")
    for magic, what in _OTHERS.items():
        if head.startswith(magic):
            raise UserError(f"{file}: is {what}; give {READ}")
    if file.suffix in LOG_SUFFIXES and not head.lstrip().startswith(b"{"):
        return Source(file, "log", tuple)  # whose reader says what is wrong with it
    encoding = next((name for bom, name in _BOMS.items() if head.startswith(bom)), "utf-8")
    if content is None and encoding in ("utf-8", "utf-8-sig"):
        return _text(file, lambda: bounded_lines(file))
    if content is None:
        content = _file_bytes(file)
    try:
        text = content.decode(encoding)
    except UnicodeDecodeError as error:
        raise UserError(
            f"{file}: is not {encoding.upper()} text (byte {error.start}); save it as UTF-8"
        ) from None
    text = text.removeprefix("\ufeff")
    # Only line feeds end a line, as in JSON: U+2028 and the like are parts of texts.
    return _text(file, lambda: enumerate(io.StringIO(text, newline="\n"), start=1))


Lines = Callable[[], Iterable[tuple[int, str]]]


def _text(file: Path, lines: Lines) -> Source:
    filled = ((number, line) for number, line in lines() if line.strip())
    number, first = next(filled, (1, ""))
    start = first.lstrip()[:1]
    if not start:
        raise UserError(f"{file}: is empty")
    if "\0" in first:
        raise UserError(f"{file}: is a binary file; give {READ}")
    if start in "[{":
        try:
            document = _parsed(first, where=f"{file}:{number}")
        except _NotJson as error:
            return _document(file, lines, error)
        if next(filled, None) is None:
            place = f"{file}:{number}"
            return Source(file, "json", lambda: _rows_of(file, document, place), document)
        return Source(file, "lines", lambda: _json_rows(file, lines))
    if (delimiter := _delimiter(file, first)) is not None:
        return _table(file, lines, delimiter)
    if file.suffix in (".jsonl", ".json", ".ndjson"):
        _json_value(first, where=f"{file}:{number}")
    raise UserError(f"{file}: is text without fields; give {READ}")


def _json_rows(file: Path, lines: Lines) -> Iterator[Place]:
    for number, line in lines():
        if line.strip():
            where = f"{file}:{number}"
            yield where, _json_value(line, where=where)


def _document(file: Path, lines: Lines, of_first_line: "_NotJson") -> Source:
    """Open a file that is one JSON value on several lines."""
    text = "".join(line for _, line in lines())
    try:
        document = _parsed(text, where=str(file))
    except _NotJson as error:
        # A line that is whole, `{...}`, is one of many; otherwise the document breaks off.
        first = next(line for line in text.split("\n") if line.strip()).rstrip()
        worse = of_first_line if first.endswith(("}", "]")) and len(first) > 2 else error
        raise UserError(worse.line(file)) from None
    return Source(file, "json", lambda: _rows_of(file, document, str(file)), document)


def _rows_of(file: Path, document: Any, place: str) -> Iterator[Place]:
    """Yield the rows of one JSON value: a list; columns; a list beside facts about all rows; texts
    by query; or one row, at its `place`."""
    if isinstance(document, list):
        yield from _listed(file, document)
        return
    if not isinstance(document, dict):
        yield place, document
        return
    values = list(document.values())
    known = KNOWN_NAMES & set(map(plain, document))
    if known and _are_columns(values):
        columns = [list(c.values()) if isinstance(c, dict) else c for c in values]
        for number, cells in enumerate(zip(*columns, strict=True), start=1):
            yield f"{file}: row {number}", dict(zip(document, cells, strict=True))
        return
    wrapped = [name for name in _WRAPPERS if _is_list_of_rows(document, name)]
    if len(wrapped) == 1:
        about = {name: value for name, value in document.items() if not _is_nested(value)}
        for where, row in _listed(file, document[wrapped[0]]):
            yield where, {**about, **row} if isinstance(row, dict) else row
        return
    if values and not known and all(map(_is_texts, values)):
        for query, texts in document.items():
            yield f"{file}: {query[:60]}", {"query": query, "text": texts}
        return
    yield place, document


def _listed(file: Path, rows: Sequence[Any]) -> Iterator[Place]:
    for number, row in enumerate(rows, start=1):
        yield f"{file}: row {number}", row


def _are_columns(values: Sequence[Any]) -> bool:
    """Return whether these are columns of a table: lists of one length, or pandas' {row: value}."""
    if not values or any(map(_is_chat, values)):  # a chat belongs to one row
        return False
    if all(isinstance(value, list) for value in values):
        return len({len(value) for value in values}) == 1
    if all(isinstance(value, dict) for value in values):
        return len({tuple(value) for value in values}) == 1 and all(map(str.isdigit, values[0]))
    return False


def _is_list_of_rows(document: dict[str, Any], name: str) -> bool:
    """Return whether a field holds the rows, not the replies of a document that is a row."""
    rows = document.get(name)
    if not (isinstance(rows, list) and rows and isinstance(rows[0], dict)):
        return False
    return not _ASKED & set(document) or bool(_ASKED & set(rows[0]))


def _is_chat(value: Any) -> bool:
    return isinstance(value, list) and all(
        isinstance(turn, dict) and ("role" in turn or "from" in turn) for turn in value
    )


def _is_nested(value: Any) -> bool:
    return isinstance(value, dict | list)


def _is_texts(value: Any) -> bool:
    return isinstance(value, list) and bool(value) and all(isinstance(text, str) for text in value)


def _delimiter(file: Path, header: str) -> str | None:
    """Return what separates the cells of a table with this first line; None if it is none."""
    if file.suffix == ".tsv":
        return "\t"
    counts = {mark: _cells(file, header, mark) for mark in _DELIMITERS}
    best = max(counts, key=lambda mark: len(counts[mark]))
    named = any(plain(cell) in KNOWN_NAMES for cell in counts[best])
    packed = Path(file.stem).suffix if file.suffix in (".gz", ".zst") else file.suffix
    return best if packed in (".csv", ".tsv") or (named and len(counts[best]) > 1) else None


def _cells(file: Path, line: str, delimiter: str) -> list[str]:
    if "\r" in line.rstrip("\r\n"):
        raise UserError(f"{file}: its lines end in CR alone; save it with LF or CRLF")
    csv.field_size_limit(2**31 - 1)
    return next(csv.reader([line], delimiter=delimiter), [])


def _table(file: Path, lines: Lines, delimiter: str) -> Source:
    def rows() -> Iterator[Place]:
        csv.field_size_limit(2**31 - 1)
        reader = csv.reader((line for _, line in lines()), delimiter=delimiter, strict=True)
        try:
            names = [name.strip() for name in next(row for row in reader if row)]
            refuse_double(names, where=f"{file}:1")
            begin = reader.line_num + 1
            for cells in reader:
                where, begin = f"{file}:{begin}", reader.line_num + 1
                if not cells:
                    continue
                if len(cells) != len(names):
                    raise UserError(
                        f"{where}: {len(cells)} cells where the header has {len(names)}; put texts "
                        "that hold the separator or a line break in quotes"
                    )
                # Tables cannot tell an empty text from none.
                yield where, dict(zip(names, (cell or None for cell in cells), strict=True))
        except csv.Error as error:
            raise UserError(f"{file}:{reader.line_num}: is not a table ({error})") from None

    return Source(file, "table", rows)


def _parquet(file: Path, content: bytes | None) -> Source:
    return Source(file, "table", lambda: parquet_rows(file, content))


class _NotJson(ValueError):
    """Text that is not JSON, and where it goes wrong."""

    def __init__(self, where: str, why: str, number: int | None = None) -> None:
        super().__init__(why)
        self.where, self.why, self.number = where, why, number

    def line(self, file: Path | None = None) -> str:
        where = self.where if file is None or self.number is None else f"{file}:{self.number}"
        return f"{where}: is not JSON ({self.why})"


def _json_value(text: str, *, where: str) -> Any:
    try:
        return _parsed(text, where=where)
    except _NotJson as error:
        raise UserError(error.line()) from None


def _parsed(text: str, *, where: str) -> Any:
    """Parse JSON. Raises _NotJson; UserError for a key that is given twice, since one of its values
    would be lost."""

    def record(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        row = dict(pairs)
        if len(row) < len(pairs):
            names = [name for name, _ in pairs]
            double = max(names, key=names.count)
            raise UserError(f"{where}: the key `{double}` is given twice; remove one")
        return row

    try:
        return json.loads(text, object_pairs_hook=record)
    except UserError:  # which is a ValueError
        raise
    except RecursionError:
        raise _NotJson(where, "nested too deeply") from None
    except json.JSONDecodeError as error:
        raise _NotJson(where, error.msg, error.lineno) from None
    except ValueError as error:  # a number with more digits than Python reads
        raise _NotJson(where, str(error)) from None


def _head(file: Path) -> bytes:
    try:
        with open_plain(file) as stream:
            return stream.read(16)
    except FileNotFoundError:
        raise UserError(f"score {file}: no such file or folder") from None
    except OSError as error:
        raise UserError(f"{file}: cannot be read ({error.strerror})") from None


def _file_bytes(file: Path) -> bytes:
    try:
        return plain_bytes(file)
    except OSError as error:
        raise UserError(f"{file}: cannot be read ({error.strerror})") from None


def _unpacked_zstd(raw: bytes, file: Path) -> bytes:
    import pyarrow as pa

    try:
        with pa.CompressedInputStream(io.BytesIO(raw), "zstd") as stream:
            content: bytes = stream.read(MAX_UNPACKED_BYTES + 1)
    except (ValueError, OSError):
        raise UserError(f"{file}: is not a complete zstd file") from None
    if len(content) > MAX_UNPACKED_BYTES:
        most = f"{MAX_UNPACKED_BYTES:,}"
        raise UserError(f"{file}: unpacks to more than {most} bytes; unpack it yourself")
    return content


def _kind_of(value: Any) -> str:
    kinds = {str: "a text", list: "a list", bool: "true or false", type(None): "null"}
    return kinds.get(type(value), "a number")
