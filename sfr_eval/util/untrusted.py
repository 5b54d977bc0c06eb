"""Makes text and files from others harmless before they are shown or read.

Model text, server answers, data sets and file names reach terminals, spreadsheets and memory. Here
is the one place that decides what they may do there: be text, and no more of it than allowed.
"""

import codecs
import errno
import os
import re
import stat
import zlib
from collections.abc import Iterator, Mapping
from io import BufferedReader
from pathlib import Path
from typing import IO, Any

from sfr_eval.errors import UserError

MAX_LINE_BYTES = 256 * 2**20
"""Longest row of a JSONL file. The longest real one, a LiveCodeBench problem with its packed tests,
has about 60 MB."""

MAX_UNPACKED_BYTES = 8 * 2**30
MAX_RATIO = 200
"""Largest unpacked size of a compressed file: in bytes, and in bytes per byte of the file. Text and
numbers compress 3 to 20 times; a bomb of zeros 1,000 times."""

_SECRETS = ("OPENAI_API_KEY", "SFR_EVAL_JUDGE_API_KEY", "HF_TOKEN", "HUGGING_FACE_HUB_TOKEN")
_SHORTEST_SECRET = 8  # a shorter one would blank ordinary words
_PASSWORD = re.compile(r"(?<=://)[^/\s@'\"]+@")
_HEADER = re.compile(r"(?i)(authorization['\"]?\s*[:=]\s*['\"]?(?:bearer |basic )?)[^\s'\",]+")

# Control characters (C0 except line feed and tab, DEL, C1), line and paragraph separators,
# characters that change the direction of text, lone surrogates, which no stream can encode, and the
# last two code points of the first plane, which XML 1.0 cannot hold even escaped.
_UNSHOWN = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028\u2029\u202a-\u202e\u2066-\u2069"
    "\ud800-\udfff\ufeff\ufffe\uffff]"
)


# What a CI service would obey in the log of a job: `::error::` at the start of a line (GitHub),
# `##[group]`, `##vso[...]` (Azure) and `##teamcity[...]` anywhere in it.
_COMMAND = re.compile(r"^([^\S\n]*):(?=:)|#(#)(?=\w{0,20}\[)", re.MULTILINE)
_FORMULA = re.compile(
    r"[\t\r\n]|[\s\x00-\x20\u200b-\u200f\u2060\ufeff]*[=+\-@\uff1d\uff0b\uff0d\uff20]"
)
_UNSAFE_IN_NAME = re.compile(
    r'["<>:/|\\?*\[\]]+|[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff]'
)
_LONGEST_NAME = 150  # bytes of a part of a path, of which a file system takes 255


def clean(text: str) -> str:
    """Prepare text for a terminal or an XML file. Whatever would move the cursor, change colours or
    titles, or reverse the direction of writing becomes an escape like \\x1b, and so does what the
    log of a CI job would obey; our keys, and passwords in addresses, are hidden. Line feeds and
    tabs stay."""
    return without_commands(_UNSHOWN.sub(_escape, without_secrets(text)))


def clean_line(text: str) -> str:
    """Prepare text for one line, or for one cell of a table, so that nothing quoted starts a line
    that could pass for one of ours."""
    return clean(" ".join(text.splitlines()))


def without_commands(text: str) -> str:
    """Make the commands to a CI service in the lines of a text inert."""
    return _COMMAND.sub(lambda match: r"#\x23" if match[2] else rf"{match[1]}\x3a", text)


def clean_json(text: str) -> str:
    """Prepare JSON for a terminal. Such characters can only occur in strings, where JSON has an
    escape of its own, so a reader gets the same value."""
    shown = _UNSHOWN.sub(lambda match: f"\\u{ord(match[0]):04x}", without_secrets(text))
    return _COMMAND.sub(lambda match: r"#\u0023" if match[2] else match[0], shown)


def whole_text(text: str) -> str:
    """Return text that UTF-8 can hold: half of a surrogate pair, which JSON can carry, becomes a
    question mark."""
    return text if text.isascii() else text.encode("utf-8", "replace").decode()


def without_secrets(text: str) -> str:
    """Remove the keys that the environment holds, tokens of an Authorization header, and
    `user:password@` in addresses."""
    for name in _SECRETS:
        key = os.environ.get(name, "")
        if len(key) >= _SHORTEST_SECRET:
            text = text.replace(key, "[secret]")
    return _HEADER.sub(r"\1[secret]", _PASSWORD.sub("[secret]@", text))


def spreadsheet_row(row: Mapping[str, Any]) -> dict[str, Any]:
    """Prepare a row for a CSV file. A text that begins like a formula, also behind white space,
    gets a quote in front, which spreadsheets hide and other readers keep. Numbers do not need
    this."""
    return {name: _cell(value) if isinstance(value, str) else value for name, value in row.items()}


def _cell(text: str) -> str:
    return whole_text(f"'{text}" if _FORMULA.match(text) else text)


def file_name(name: str) -> str:
    """Return a name as one part of a path, with `__` for what a path or a terminal would obey."""
    safe = _UNSAFE_IN_NAME.sub("__", name)
    part = safe.encode()[:_LONGEST_NAME].decode(errors="ignore")
    return part if part.strip(". ") else f"__{part.strip('. ')}"


_SPECIAL = {
    stat.S_IFIFO: "a named pipe",
    stat.S_IFSOCK: "a socket",
    stat.S_IFCHR: "a device",
    stat.S_IFBLK: "a device",
}
_HANDED_OVER = ("/dev/stdin", "/dev/fd/", "/proc/self/fd/")
"""What a shell names for `<(command)` and for a pipe: there the user chose to wait."""


def open_plain(file: Path) -> BufferedReader:
    """Open a file to read. Raises UserError for a named pipe, a socket or a device, on which a
    reader could wait for ever; OSError if it cannot be opened or is a folder."""
    handed_over = str(file).startswith(_HANDED_OVER)
    kind = stat.S_IFMT(file.stat().st_mode)
    if kind in _SPECIAL and not handed_over:
        raise _special(file, kind)
    # Should it have become a pipe meanwhile, opening it does not wait for a writer.
    waits = 0 if handed_over else os.O_NONBLOCK
    stream = open(file, "rb", opener=lambda name, flags: os.open(name, flags | waits))  # noqa: SIM115
    if handed_over or stat.S_ISREG(os.fstat(stream.fileno()).st_mode):
        return stream
    stream.close()
    raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(file))


def plain_bytes(file: Path) -> bytes:
    """Return the content of a file; see `open_plain`."""
    with open_plain(file) as stream:
        return stream.read()


def plain_text(file: Path) -> str:
    """Return the content of a UTF-8 file, without a byte order mark; see `open_plain`. Raises
    UnicodeDecodeError for anything else."""
    return plain_bytes(file).removeprefix(codecs.BOM_UTF8).decode()


def bounded_lines(file: Path) -> Iterator[tuple[int, str]]:
    """Yield (line number from 1, text) of a UTF-8 file. Raises UserError if it cannot be read, and
    for a line of more than MAX_LINE_BYTES before it fills the memory."""
    try:
        with open_plain(file) as stream:
            # Each line is cut at one byte more than allowed.
            lines = iter(lambda: stream.readline(MAX_LINE_BYTES + 1), b"")
            for number, line in enumerate(lines, start=1):
                if len(line) > MAX_LINE_BYTES:
                    raise UserError(
                        f"{file}:{number}: longer than {MAX_LINE_BYTES:,} bytes, more than any "
                        "row needs; is this a JSONL file?"
                    )
                yield number, decoded(line, where=f"{file}:{number}", first=number == 1)
    except OSError as error:
        raise UserError(f"{file}: cannot be read ({error.strerror})") from None


def decoded(raw: bytes, *, where: str, first: bool = True) -> str:
    """Return the text of UTF-8 bytes. A byte order mark at the `first` place of a file is left out;
    Raises UserError for UTF-16 and for anything else."""
    if first and raw.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        raise UserError(f"{where}: is UTF-16 text; save it as UTF-8")
    try:
        return raw.removeprefix(codecs.BOM_UTF8 if first else b"").decode()
    except UnicodeDecodeError as error:
        what = "a binary file" if b"\0" in raw[:4096] else f"not UTF-8 text (byte {error.start})"
        raise UserError(f"{where}: is {what}") from None


def unpacked(raw: bytes, *, where: str, max_bytes: int = MAX_UNPACKED_BYTES) -> bytes:
    """Unpack all members of a gzip file. Raises UserError if it is incomplete, or unpacks to more
    than `max_bytes` or to more than MAX_RATIO bytes per byte."""
    most = min(max_bytes, max(2**20, MAX_RATIO * len(raw)))
    parts: list[bytes] = []
    size, rest = 0, raw
    while rest:
        member = zlib.decompressobj(wbits=31)
        try:
            part = member.decompress(rest, most - size + 1)
        except zlib.error:
            raise UserError(f"{where}: is not a complete gzip file") from None
        size += len(part)
        if size > most:
            raise UserError(
                f"{where}: unpacks to more than {most:,} bytes, too much for a data set of this "
                "size; unpack it yourself if you trust it"
            )
        if not member.eof:
            raise UserError(f"{where}: is not a complete gzip file")
        parts.append(part)
        rest = member.unused_data.lstrip(b"\0")  # padding between members is allowed
    return b"".join(parts)


def open_for_append(file: Path) -> IO[bytes]:
    """Open a file to append to, and create it if needed. Raises OSError for a symbolic link, which
    could point to any file of the user, and UserError for a named pipe, a socket or a device."""
    flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW | os.O_CLOEXEC
    try:  # what is to be appended to a pipe, nobody need ever read
        descriptor = os.open(file, flags | os.O_NONBLOCK, 0o666)
    except OSError as error:
        if error.errno == errno.ENXIO:  # a pipe that nobody reads, or a socket
            raise _special(file, stat.S_IFMT(file.lstat().st_mode)) from None
        raise
    kind = stat.S_IFMT(os.fstat(descriptor).st_mode)
    if kind != stat.S_IFREG:
        os.close(descriptor)
        raise _special(file, kind)
    return os.fdopen(descriptor, "ab", buffering=0)


def _special(file: Path, kind: int) -> UserError:
    what = _SPECIAL.get(kind, "something else")
    return UserError(f"{file}: is {what}, not a file; put the file itself there")


def refuse_links(folder: Path) -> None:
    """Raise UserError if a folder that we write into holds a symbolic link: whoever made the folder
    could make us write, or delete, elsewhere."""
    for place, folders, files in os.walk(folder):
        for name in (*folders, *files):
            path = Path(place) / name
            if path.is_symlink():
                raise UserError(
                    f"{path}: is a symbolic link inside a run folder; put the file itself there"
                )


def _escape(match: re.Match[str]) -> str:
    code = ord(match[0])
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}"
