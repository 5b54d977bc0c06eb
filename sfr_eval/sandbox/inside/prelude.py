"""LiveCodeBench's prelude: the names that its grader puts in front of every program."""

from types import ModuleType

_STAR_NAMES = (
    "string re datetime collections heapq bisect copy math random statistics itertools functools "
    "operator io sys json builtins typing"
)
_STARS = _STAR_NAMES.split()
_TEXT = "\n".join(
    [f"from {name} import *" for name in _STARS]
    + [f"import {name}" for name in _STARS if name not in ("builtins", "typing")]
)
DEPTH = 50000
"""Recursion limit that the prelude sets."""

_made: list[ModuleType] = []


def prepare() -> None:
    """Make the module of `module()` now, for a process that will be forked."""
    _made.append(_new())


def module() -> ModuleType:
    """A module that holds the names of the prelude and nothing else; once a process."""
    return _made.pop() if _made else _new()


def _new() -> ModuleType:
    made = ModuleType("tmp_sol", "")
    exec(compile(_TEXT, "<prelude>", "exec"), made.__dict__)
    return made
