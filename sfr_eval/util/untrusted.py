"""Text and files that others wrote, made harmless before they are shown or read.

Model text, server answers, datasets and file names reach terminals, spreadsheets and memory. What
they may do there is decided here, once: nothing but be text, and no more of it than was allowed.
"""

import os
import re
import zlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import IO, Any

from sfr_eval.errors import UserError

MAX_LINE_BYTES = 256 * 2**20
"""Of one row of a JSONL file. The longest row known, a LiveCodeBench problem with its packed tests,
has some 60 MB."""

MAX_UNPACKED_BYTES = 8 * 2**30
MAX_RATIO = 200
"""Most that a compressed file may unpack to: bytes, and bytes for each byte of the file. Text and
numbers pack 3 to 20 times; a bomb of zeros 1,000 times."""

_SECRETS = ("OPENAI_API_KEY", "SFR_EVAL_JUDGE_API_KEY", "HF_TOKEN", "HUGGING_FACE_HUB_TOKEN")
_SHORTEST_SECRET = 8  # a shorter one would blank ordinary words
_PASSWORD = re.compile(r"(?<=://)[^/\s@'\"]+@")
_HEADER = re.compile(r"(?i)(authorization['\"]?\s*[:=]\s*['\"]?(?:bearer |basic )?)[^\s'\",]+")

# Control characters (C0 but line feed and tab, DEL, C1), the line and paragraph separators, what
# turns the direction of text, half of a surrogate pair, which no stream can encode, and the last
# two code points of the first plane, which XML 1.0 cannot hold even escaped.
_UNSHOWN = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028\u2029\u202a-\u202e\u2066-\u2069"
    "\ud800-\udfff\ufeff\ufffe\uffff]"
)


def clean(text: str) -> str:
    """Text for a terminal or an XML file: what would move the cursor, change colours or titles, or
    turn the direction of writing is shown as an escape like \\x1b; our keys and passwords in
    addresses are hidden. Line feeds and tabs stay."""
    return _UNSHOWN.sub(_escape, without_secrets(text))


def clean_json(text: str) -> str:
    """JSON for a terminal. The characters can only stand inside of strings, where JSON has an
    escape of its own, so whoever reads it gets the same value."""
    return _UNSHOWN.sub(lambda found: f"\\u{ord(found[0]):04x}", without_secrets(text))


def without_secrets(text: str) -> str:
    """Without the keys that the environment holds, tokens of an Authorization header, and
    `user:password@` in addresses."""
    for name in _SECRETS:
        key = os.environ.get(name, "")
        if len(key) >= _SHORTEST_SECRET:
            text = text.replace(key, "[secret]")
    return _HEADER.sub(r"\1[secret]", _PASSWORD.sub("[secret]@", text))


def spreadsheet_text(text: str) -> str:
    """Text for a cell of a CSV file. One that begins like a formula gets a quote in front, which
    spreadsheets hide and other readers keep; numbers are written as numbers and never come here."""
    return f"'{text}" if text.startswith(("=", "+", "-", "@", "\t", "\r")) else text


def spreadsheet_row(row: Mapping[str, Any]) -> dict[str, Any]:
    """A row for a CSV file, its texts made so."""
    return {
        name: spreadsheet_text(cell) if isinstance(cell, str) else cell
        for name, cell in row.items()
    }


def bounded_lines(file: Path) -> Iterator[tuple[int, str]]:
    """(line number from 1, text) of a UTF-8 file; UserError for what cannot be read and for a line
    of more than MAX_LINE_BYTES, before it fills the memory."""
    try:
        with file.open("rb") as stream:
            for number, line in enumerate(_pieces(stream), start=1):
                if len(line) > MAX_LINE_BYTES:
                    raise UserError(
                        f"{file}:{number}: longer than {MAX_LINE_BYTES:,} bytes; no row is: is "
                        "this a file of JSON lines?"
                    )
                try:
                    text = line.decode()
                except UnicodeDecodeError as error:
                    raise UserError(
                        f"{file}:{number}: is not UTF-8 text (byte {error.start})"
                    ) from None
                yield number, text
    except OSError as error:
        raise UserError(f"{file}: cannot be read ({error.strerror})") from None


def unpacked(raw: bytes, *, where: str, max_bytes: int = MAX_UNPACKED_BYTES) -> bytes:
    """What a gzip file holds, of all its members; UserError for a torn one, and for one that
    unpacks to more than `max_bytes` or to more than MAX_RATIO bytes a byte."""
    most = min(max_bytes, max(2**20, MAX_RATIO * len(raw)))
    parts: list[bytes] = []
    size, rest = 0, raw
    while rest:
        member = zlib.decompressobj(wbits=31)
        try:
            part = member.decompress(rest, most - size + 1)
        except zlib.error:
            raise UserError(f"{where}: is no whole gzip file") from None
        size += len(part)
        if size > most:
            raise UserError(
                f"{where}: unpacks to more than {most:,} bytes, which no data set of this size "
                "does; unpack it yourself if you trust it"
            )
        if not member.eof:
            raise UserError(f"{where}: is no whole gzip file")
        parts.append(part)
        rest = member.unused_data.lstrip(b"\0")  # padding between members is allowed
    return b"".join(parts)


def refuse_zip_bomb(file: Path) -> None:
    """UserError if the parts of a zip file say that they unpack to more than MAX_UNPACKED_BYTES, or
    to more than MAX_RATIO bytes a byte. zipfile.BadZipFile and OSError for what is none."""
    import zipfile  # brings much with it, and `--help` is to be quick

    with zipfile.ZipFile(file) as archive:
        size = sum(part.file_size for part in archive.infolist())
    most = min(MAX_UNPACKED_BYTES, max(2**24, MAX_RATIO * file.stat().st_size))
    if size > most:
        raise UserError(
            f"{file}: unpacks to {size:,} bytes, which no log of this size does; unpack it "
            "yourself if you trust it"
        )


def open_for_append(file: Path) -> IO[bytes]:
    """A file to append to, made if need be. A symbolic link is refused (OSError): it could name any
    file of the user."""
    flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW | os.O_CLOEXEC
    return os.fdopen(os.open(file, flags, 0o666), "ab", buffering=0)


def refuse_links(folder: Path) -> None:
    """UserError if a folder that we write into holds a symbolic link: whoever made the folder could
    have us write, or delete, elsewhere."""
    for place, folders, files in os.walk(folder):
        for name in (*folders, *files):
            path = Path(place) / name
            if path.is_symlink():
                raise UserError(
                    f"{path}: is a symbolic link inside of a run folder; put the file itself there"
                )


def _pieces(stream: IO[bytes]) -> Iterator[bytes]:
    """Lines, none longer than one byte more than allowed."""
    while line := stream.readline(MAX_LINE_BYTES + 1):
        yield line


def _escape(found: re.Match[str]) -> str:
    code = ord(found[0])
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}"
