"""Errors with a one-line message for the user."""

import difflib
from collections.abc import Iterable


class UserError(ValueError):
    """Bad usage or input. The line says what is wrong, where, and what to do. Exit code 2."""


class RunError(RuntimeError):
    """The run failed or is incomplete (engine died, disk full). Exit code 3."""


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """Return the end of an "unknown name" message: the nearest known name, else all of them."""
    names = sorted(known)
    near = difflib.get_close_matches(name, names, n=1, cutoff=0.6)
    if near:
        return f"did you mean `{near[0]}`?"
    return f"known: {', '.join(names) or 'none'}"


def brief_error(error: BaseException) -> str:
    """Return an exception of another package in one short line."""
    return " ".join(f"{type(error).__name__}: {error}".split())[:200]
