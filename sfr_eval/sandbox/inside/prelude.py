"""LiveCodeBench's prelude: the names that its grader gives to every program."""

from types import ModuleType

_STARS = (
    "string re datetime collections heapq bisect copy math random statistics itertools functools "
    "operator io sys json builtins typing"
)
_TEXT = "\n".join(
    [f"from {name} import *" for name in _STARS.split()]
    + [f"import {name}" for name in _STARS.split() if name not in ("builtins", "typing")]
)
DEPTH = 50000
"""The recursion limit that the prelude sets."""

_prepared: list[ModuleType] = []


def prepare() -> None:
    """Make the module that `module()` returns now, in the process that will be forked."""
    _prepared.append(_new())


def module() -> ModuleType:
    """Return a module with the prelude's names and nothing else. Call once per process."""
    return _prepared.pop() if _prepared else _new()


def _new() -> ModuleType:
    prelude = ModuleType("tmp_sol", "")
    exec(compile(_TEXT, "<prelude>", "exec"), prelude.__dict__)
    return prelude
