"""The two streams of the command line, and the log to which everything else is printed.

Engines, libraries and the processes that they start print to the file descriptors 1 and 2: traces,
progress bars, warnings, blank lines. While a command runs inside `own_output`, these descriptors
lead to a log, and only our own lines reach the user's stdout and stderr. In a notebook, or where
sys.stdout is not the process's own, nothing is redirected.
"""

import atexit
import io
import os
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TextIO

VERBOSE_LEVELS = frozenset({"DEBUG", "INFO"})
_MOST_BYTES = 1 << 20  # of a kept log, and of the part of it that is searched for a reason
_LEVEL = "VLLM_LOGGING_LEVEL"


@dataclass
class _Redirected:
    """The user's streams, and where the descriptors lead meanwhile."""

    stdout: TextIO
    stderr: TextIO
    log: IO[bytes]
    file: Path | None = None  # of the log, once a run has a folder for it


_redirected: _Redirected | None = None


def stdout() -> TextIO:
    """Return the stream for results."""
    return sys.stdout if _redirected is None else _redirected.stdout


def stderr() -> TextIO:
    """Return the stream for everything else that we say."""
    return sys.stderr if _redirected is None else _redirected.stderr


def width(stream: TextIO, *, piped: int) -> int:
    """Return the columns of a stream: COLUMNS, else its terminal's, else `piped`."""
    columns = os.environ.get("COLUMNS", "")
    if columns.isdecimal() and int(columns) > 0:
        return int(columns)
    with suppress(OSError, ValueError):
        return os.get_terminal_size(stream.fileno()).columns or piped
    return piped


def verbose() -> bool:
    """Return whether the user wants to see what engines print."""
    return os.environ.get(_LEVEL, "").upper() in VERBOSE_LEVELS


def be_verbose() -> None:
    """Have engines, and the processes that they start, print what they do."""
    if not verbose():
        os.environ[_LEVEL] = "INFO"


@contextmanager
def own_output() -> Iterator[None]:
    """Keep what is not ours from the user's streams in this block. Processes that outlive it, and
    libraries that print when Python ends, print to the log as well."""
    global _redirected
    if _redirected is not None or verbose() or not _are_descriptors():
        yield
        return
    _flush()
    log = tempfile.TemporaryFile(buffering=0)  # noqa: SIM115 (outlives the block)
    saved = [os.dup(1), os.dup(2)]
    streams = [
        open(number, "w", encoding=stream.encoding, errors=stream.errors, buffering=1)  # noqa: SIM115
        for number, stream in zip(saved, (sys.stdout, sys.stderr), strict=True)
    ]
    _redirected = _Redirected(stdout=streams[0], stderr=streams[1], log=log)
    _lead_to(log)
    try:
        yield
    finally:
        try:
            _flush()
            for stream in streams:
                stream.flush()
        finally:
            for number, descriptor in enumerate(saved, start=1):
                os.dup2(descriptor, number)
            _redirected = None
            atexit.register(_hush, log)


@contextmanager
def log_kept_in(file: Path) -> Iterator[None]:
    """Keep what is printed in this block in a file, which begins anew. Processes that were started
    meanwhile keep printing there. An empty one is removed; where none can be written, there is
    none."""
    log = _new_log(file) if _redirected is not None and _redirected.file is None else None
    if log is None or _redirected is None:
        yield
        return
    with log:
        before = _redirected.log
        _flush()
        _redirected.log, _redirected.file = log, file
        _lead_to(log)
        try:
            yield
        finally:
            _flush()
            _redirected.log, _redirected.file = before, None
            _lead_to(before)
            _trim(file)


class PrintedMeanwhile:
    """What engines print from now on, as far as it can be read: from the log, or, where nothing is
    redirected, from a file to which the descriptors lead inside of `captured`."""

    def __init__(self) -> None:
        self._own: IO[bytes] | None = None
        if _redirected is None and not verbose():
            self._own = tempfile.TemporaryFile(buffering=0)  # noqa: SIM115 (lives as long as this)
        self._start = _size(_redirected.log) if _redirected is not None else 0

    @contextmanager
    def captured(self) -> Iterator[None]:
        """Keep what is printed meanwhile; processes started meanwhile keep printing there."""
        if self._own is None:
            yield
            return
        _flush()
        saved = [os.dup(1), os.dup(2)]
        try:
            _lead_to(self._own)
            yield
        finally:
            _flush()
            for number, descriptor in enumerate(saved, start=1):
                os.dup2(descriptor, number)
                os.close(descriptor)

    def text(self) -> str:
        """Return the end of what was printed; "" where it went to the user."""
        log = self._own or (_redirected.log if _redirected is not None else None)
        if log is None:
            return ""
        start = self._start if self._start <= _size(log) else 0
        return _end_of(log, start=start).decode(errors="replace")

    @property
    def file(self) -> Path | None:
        """The file that keeps it, if one does."""
        return None if _redirected is None or self._own is not None else _redirected.file

    def close(self) -> None:
        """Drop what was printed, unless it is in the log."""
        if self._own is not None:
            self._own.close()


def _new_log(file: Path) -> IO[bytes] | None:
    flags = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_APPEND | os.O_CLOEXEC
    with suppress(OSError):
        file.parent.mkdir(parents=True, exist_ok=True)
        file.unlink(missing_ok=True)
        return open(os.open(file, flags, 0o666), "r+b", buffering=0)
    return None


def _are_descriptors() -> bool:
    """Return whether sys.stdout and sys.stderr are the process's own."""
    with suppress(OSError, ValueError, AttributeError, io.UnsupportedOperation):
        return (sys.stdout.fileno(), sys.stderr.fileno()) == (1, 2)
    return False


def _lead_to(log: IO[bytes]) -> None:
    for number in (1, 2):
        os.dup2(log.fileno(), number)


def _flush() -> None:
    for stream in (sys.stdout, sys.stderr):
        stream.flush()


def _size(log: IO[bytes]) -> int:
    return os.fstat(log.fileno()).st_size


def _end_of(log: IO[bytes], *, start: int = 0) -> bytes:
    """Read the end of a log without moving its place, which all writers share."""
    size = _size(log)
    start = max(start, size - _MOST_BYTES)
    return os.pread(log.fileno(), size - start, start)


def _trim(file: Path) -> None:
    """Remove an empty log; shorten a long one to its end."""
    with suppress(OSError):
        size = file.stat().st_size
        if size == 0:
            file.unlink()
            file.parent.rmdir()
        elif size > _MOST_BYTES:
            with file.open("r+b") as log:
                log.seek(size - _MOST_BYTES)
                end = log.read()
                log.seek(0)
                log.write(end)
                log.truncate()


def _hush(log: IO[bytes]) -> None:
    """Lead stderr to the log while Python ends."""
    with suppress(OSError, ValueError):
        sys.stderr.flush()
        os.dup2(log.fileno(), 2)
