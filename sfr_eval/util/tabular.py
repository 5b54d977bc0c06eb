"""Reads the rows of a table that somebody else wrote: JSONL, JSON, CSV, TSV, Parquet, each also
as .gz.

What a file is, its content says; its name only tells CSV from TSV.
"""

import csv
import io
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from sfr_eval.errors import UserError
from sfr_eval.util.parquet import parquet_rows
from sfr_eval.util.reading import json_lines, parsed_json
from sfr_eval.util.untrusted import decoded, open_plain, plain_bytes, unpacked

SUFFIXES = (".jsonl", ".ndjson", ".json", ".csv", ".tsv", ".parquet")
_GZIP, _PARQUET = b"\x1f\x8b", b"PAR1"


def table_rows(file: Path) -> Iterator[tuple[str, Any]]:
    """Yield (file:line or file: row N, value) of every row. The rows of a JSON file are the items
    of its list; a single object is a single row. Raises UserError if the file cannot be read."""
    head = _head(file)
    listed = head.removeprefix(b"\xef\xbb\xbf").startswith((b"[{", b"[\n", b"[\r", b"[ "))
    if stem_suffix(file) in (".jsonl", ".ndjson") and not (
        listed or head.startswith((_GZIP, _PARQUET))
    ):
        return json_lines(file)  # line by line, since such files may be large
    if head.startswith(_PARQUET):
        return parquet_rows(file)  # batch by batch
    raw = _unzipped(file, _bytes(file))
    if raw.startswith(_PARQUET):
        return parquet_rows(file, raw)
    text = decoded(raw, where=str(file))
    if stem_suffix(file) in (".csv", ".tsv"):
        return _separated(file, text, delimiter=_delimiter(file, text))
    return _json(file, text)


def text_lines(file: Path) -> Iterator[tuple[str, str]]:
    """Yield (file:line, text) of each line of a text file that is not blank."""
    text = decoded(_unzipped(file, _bytes(file)), where=str(file))
    for number, line in enumerate(text.split("\n"), start=1):
        if line.strip():
            yield f"{file}:{number}", line.strip()


def stem_suffix(file: Path) -> str:
    """Return the suffix that names the format, in lower case: `.csv` of `rows.CSV.gz`."""
    names = [suffix.lower() for suffix in file.suffixes if suffix.lower() != ".gz"]
    return names[-1] if names else ""


def _head(file: Path) -> bytes:
    if file.is_dir():
        raise UserError(f"{file}: is a folder; name a file")
    try:
        with open_plain(file) as stream:
            return stream.read(8)
    except FileNotFoundError:
        raise UserError(f"{file}: no such file") from None
    except OSError as error:
        raise UserError(f"{file}: cannot be read ({error.strerror})") from None


def _bytes(file: Path) -> bytes:
    _head(file)  # raises what is wrong with the file
    return plain_bytes(file)


def _unzipped(file: Path, raw: bytes) -> bytes:
    return unpacked(raw, where=str(file)) if raw.startswith(_GZIP) else raw


def _delimiter(file: Path, text: str) -> str:
    """Return what separates the cells: in a .csv also what spreadsheets write in its place."""
    if stem_suffix(file) == ".tsv":
        return "\t"
    header = text.lstrip().partition("\n")[0]
    cells = {mark: len(next(csv.reader([header], delimiter=mark), [])) for mark in ",;\t"}
    return max(cells, key=lambda mark: cells[mark])


def _separated(file: Path, text: str, *, delimiter: str) -> Iterator[tuple[str, Any]]:
    """Yield the rows of CSV. An empty cell is an absent field, since CSV cannot tell the two."""
    csv.field_size_limit(2**27)
    reader = csv.DictReader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    try:
        for row in reader:
            where = f"{file}:{reader.line_num}"
            if None in row:
                raise UserError(f"{where}: has more cells than the header; quote the delimiters")
            yield where, {name: cell for name, cell in row.items() if cell not in ("", None)}
    except csv.Error as error:
        raise UserError(f"{file}:{reader.line_num}: malformed CSV ({error})") from None


def _json(file: Path, text: str) -> Iterator[tuple[str, Any]]:
    """Yield the items of a JSON list, the one object of a JSON file, or the lines of JSONL."""
    if not text.strip():
        raise UserError(f"{file}: is empty")
    try:
        whole = json.loads(text)
    except RecursionError:
        raise UserError(f"{file}: is not JSON (nested too deeply)") from None
    except ValueError:
        lines = [line for line in text.split("\n") if line.strip()]
        if len(lines) == 1 or not lines[0].lstrip().startswith(("{", "[")):
            parsed_json(text, where=str(file))  # raises, and says what is wrong
        for number, line in enumerate(text.split("\n"), start=1):
            if line.strip():
                where = f"{file}:{number}"
                yield where, parsed_json(line, where=where)
        return
    for number, row in enumerate(whole if isinstance(whole, list) else [whole], start=1):
        yield f"{file}: row {number}", row
