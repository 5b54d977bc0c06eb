"""A program's descriptors under their names in /dev and /proc, where it has no /proc.

The names are those that Python opens and looks up: `open`, `os.open`, `os.stat` and all that calls
them. To the kernel they lead nowhere.
"""

import builtins
import errno
import io
import os
import re
from functools import partial
from typing import Any

_STREAMS = {"/dev/stdin": 0, "/dev/stdout": 1, "/dev/stderr": 2}
_NUMBERED = re.compile(r"/(?:dev|proc/self|proc/thread-self)/fd/([0-9]{1,9})")


def named_in(code: str) -> bool:
    """Whether a program may mention such a name."""
    return "/dev" in code or "/proc" in code


def offer() -> None:
    """Let the program that this process becomes use the names."""
    builtins.open = io.open = partial(_open_file, io.open)
    os.open = partial(_open, os.open)
    os.stat = partial(_stat, os.stat)


def _number(name: Any) -> int | None:
    """Return the descriptor of a name, None if it is no such name."""
    if not isinstance(name, str | bytes | os.PathLike):
        return None
    path = os.fsdecode(name)
    numbered = _NUMBERED.fullmatch(path)
    return int(numbered[1]) if numbered else _STREAMS.get(path)


def _duplicate(fd: int, path: Any, *_: object) -> int:
    try:
        return os.dup(fd)
    except OSError:
        raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), path) from None


def _open_file(
    usual: Any, file: Any, mode: str = "r", *words: Any, opener: Any = None, **more: Any
) -> Any:
    fd = _number(file)
    if fd is not None and opener is None:
        opener = partial(_duplicate, fd)
    if opener is None:
        return usual(file, mode, *words, **more)
    return usual(file, mode, *words, opener=opener, **more)


def _open(usual: Any, path: Any, flags: int, *words: Any, **more: Any) -> int:
    fd = _number(path)
    return int(usual(path, flags, *words, **more)) if fd is None else _duplicate(fd, path)


def _stat(usual: Any, path: Any, **more: Any) -> Any:
    fd = _number(path)
    if fd is None:
        return usual(path, **more)
    copy = _duplicate(fd, path)
    try:
        return os.fstat(copy)
    finally:
        os.close(copy)
