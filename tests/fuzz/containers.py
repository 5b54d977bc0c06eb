"""Files that hold values in another form than JSON: tables, archives, lines with a checksum."""

import csv
import io
import json
import zipfile
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Packed:
    """A JSON value, which is what gets broken, and how a file holds it."""

    value: Any
    pack: Callable[[Any], bytes]

    @property
    def raw(self) -> bytes:
        return self.pack(self.value)


def as_csv(value: Any, *, delimiter: str = ",") -> bytes:
    """A header and a line for each mapping of a list; whatever else it holds is a line of its
    own."""
    rows = value if isinstance(value, list) else [value]
    names = list({name: None for row in rows if isinstance(row, dict) for name in row})
    stream = io.StringIO(newline="")
    writer = csv.writer(stream, delimiter=delimiter, lineterminator="\n")
    writer.writerow(names)
    for row in rows:
        writer.writerow([row.get(name) for name in names] if isinstance(row, dict) else [row])
    return stream.getvalue().encode(errors="surrogatepass")


def as_tsv(value: Any) -> bytes:
    return as_csv(value, delimiter="\t")


def as_parquet(value: Any) -> bytes:
    """A column for each key of the mappings of a list. What Arrow has no type for is JSON text."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    rows = [row for row in (value if isinstance(value, list) else [value]) if isinstance(row, dict)]
    columns = {}
    for name in {name: None for row in rows for name in row}:
        cells = [row.get(name) for row in rows]
        try:
            columns[name] = pa.array(cells)
            pq.write_table(pa.table({"a": columns[name]}), io.BytesIO())
        except (pa.ArrowException, ValueError, TypeError, OverflowError):
            columns[name] = pa.array([json.dumps(cell) for cell in cells])
    stream = io.BytesIO()
    pq.write_table(pa.table({_whole(name): column for name, column in columns.items()}), stream)
    return stream.getvalue()


def as_zip(value: Any) -> bytes:
    """A part for each key of a mapping."""
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, part in value.items() if isinstance(value, dict) else [("header.json", value)]:
            archive.writestr(_whole(name) or "x", json.dumps(part))
    return stream.getvalue()


def as_checked_rows(value: Any) -> bytes:
    """A line for each value of a list, with the checksum that our own rows end in."""
    lines = []
    for row in value if isinstance(value, list) else [value]:
        body = json.dumps(row, separators=(",", ":"))[:-1]
        lines.append(f'{body},"crc":"{zlib.crc32(body.encode()):08x}"}}\n')
    return "".join(lines).encode()


def _whole(name: str) -> str:
    return name.encode(errors="replace").decode()
