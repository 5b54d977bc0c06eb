"""Checks a zip file of somebody else before a library unpacks it into memory."""

import io
import struct
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import IO

from sfr_eval.errors import UserError
from sfr_eval.util.untrusted import MAX_RATIO, MAX_UNPACKED_BYTES, open_plain

_ZSTD = 93
_PIECE = 2**20
_MOST_PARTS = 1_000_000
_LOCAL_HEADER = struct.Struct("<26xHH")  # lengths of the name and of the extra field
_REMEDY = "unpack it yourself if you trust it"


def refuse_zip_bomb(file: Path) -> None:
    """Raise UserError if the parts of a zip file unpack to more than MAX_UNPACKED_BYTES, to more
    than MAX_RATIO bytes per byte, or to more than its directory says: libraries believe that, so
    each part is unpacked here once, piece by piece. zipfile.BadZipFile or OSError if it is not a
    zip file."""
    with open_plain(file) as stream, zipfile.ZipFile(stream) as archive:
        parts = archive.infolist()
        size = sum(part.file_size for part in parts)
        most = min(MAX_UNPACKED_BYTES, max(2**24, MAX_RATIO * file.stat().st_size))
        if size > most or len(parts) > _MOST_PARTS:
            raise UserError(
                f"{file}: unpacks to {size:,} bytes, too much for a log of this size; {_REMEDY}"
            )
        for part in parts:
            _check_part(file, stream, part)


def _check_part(file: Path, stream: IO[bytes], part: zipfile.ZipInfo) -> None:
    """Unpack a part, and compare its size with what the directory says."""
    stream.seek(part.header_offset)
    header = stream.read(_LOCAL_HEADER.size)
    if len(header) < _LOCAL_HEADER.size:
        raise zipfile.BadZipFile(f"{part.filename}: cut off")
    stream.seek(sum(_LOCAL_HEADER.unpack(header)), 1)
    size = 0
    for piece in _pieces(file, stream, part):
        size += len(piece)
        if size > part.file_size:
            raise UserError(
                f"{file}: {part.filename[:60]} unpacks to more than its directory says "
                f"({part.file_size:,} bytes); {_REMEDY}"
            )


def _pieces(file: Path, stream: IO[bytes], part: zipfile.ZipInfo) -> Iterator[bytes]:
    """Yield the content of a part, one bounded piece at a time."""
    if part.compress_type == zipfile.ZIP_STORED:
        yield from _packed(stream, part)
    elif part.compress_type == zipfile.ZIP_DEFLATED:
        inflate = zlib.decompressobj(-zlib.MAX_WBITS)
        try:
            for raw in _packed(stream, part):
                while raw:
                    yield inflate.decompress(raw, _PIECE)
                    raw = inflate.unconsumed_tail
        except zlib.error as error:
            raise zipfile.BadZipFile(f"{part.filename}: {error}") from None
    elif part.compress_type == _ZSTD:
        import pyarrow as pa

        packed = io.BytesIO(b"".join(_packed(stream, part)))
        with pa.CompressedInputStream(packed, "zstd") as unpacked:
            while piece := unpacked.read(_PIECE):
                yield piece
    else:
        raise UserError(
            f"{file}: {part.filename[:60]} is packed in a way that is not read here "
            f"({part.compress_type}); {_REMEDY}"
        )


def _packed(stream: IO[bytes], part: zipfile.ZipInfo) -> Iterator[bytes]:
    left = part.compress_size
    while left > 0:
        raw = stream.read(min(_PIECE, left))
        if not raw:
            raise zipfile.BadZipFile(f"{part.filename}: cut off")
        left -= len(raw)
        yield raw
