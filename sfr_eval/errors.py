"""Errors with a one-line message for the user."""

import difflib
import errno
import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager


class UserError(ValueError):
    """Bad usage or input. The line says what is wrong, where, and what to do. Exit code 2."""


class RunError(RuntimeError):
    """The run failed or is incomplete (engine died, disk full). Exit code 3."""


class Interrupted(KeyboardInterrupt):
    """Ctrl-C, or SIGTERM, with a line that says what is kept and how to go on. Exit code 130."""


@contextmanager
def kept_when_interrupted(what: str, kept: str) -> Iterator[None]:
    """Say on Ctrl-C in this block what was going on and what is kept."""
    try:
        yield
    except Interrupted:
        raise
    except KeyboardInterrupt:
        raise Interrupted(f"interrupted while {what}; {kept}: repeat the command") from None


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """Return the end of an "unknown name" message: the nearest known name, else all of them."""
    names = sorted(known)
    near = difflib.get_close_matches(name, names, n=1, cutoff=0.6)
    if near:
        return f"did you mean `{near[0]}`?"
    return f"known: {', '.join(names) or 'none'}"


def nearest_names(name: str, known: Iterable[str], *, count: int = 3) -> list[str]:
    """Return the known names that are most like a name, however little that is."""
    return difflib.get_close_matches(name, sorted(known), n=count, cutoff=0.0)


def brief_error(error: BaseException) -> str:
    """Return an exception of another package in one short line."""
    return " ".join(f"{type(error).__name__}: {error}".split())[:200]


_FULL = {errno.ENOSPC, errno.EDQUOT}
MACHINE = {errno.EIO, errno.EMFILE, errno.ENFILE, errno.ENODEV, errno.ENXIO, errno.ESTALE}


def machine_trouble(error: OSError) -> str | None:
    """Return what is wrong with the machine, and what to do; None if the error is of another
    kind."""
    if error.errno in _FULL:
        return (
            "the disk is full; all finished samples are kept: free some space and repeat the "
            "command"
        )
    if error.errno in MACHINE:
        reason = os.strerror(error.errno)  # a package's own text may have several lines
        return f"{reason}; all finished samples are kept: repeat the command"
    return None
