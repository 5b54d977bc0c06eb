"""sfr-eval: has a fine-tuned language model collapsed, and what did that cost or save?

`import sfr_eval as se; run = se.run(model=..., suite="persona"); run.results`: see sfr_eval.api.
"""

import importlib
import sys
from types import ModuleType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from sfr_eval.api import Run, compare, export, load, run, score

__all__ = ["Run", "compare", "export", "load", "run", "score"]
__version__ = "0.2.0"

_VERBS = ("compare", "export", "run", "score")
"""Functions of sfr_eval.api that a module of this package shares its name with."""


def __getattr__(name: str) -> Any:
    """The Python API on first use, since its imports would slow down `sfr-eval --help`."""
    if name in _VERBS:
        return importlib.import_module(f"{__name__}.{name}")
    if name in __all__:
        return getattr(importlib.import_module(f"{__name__}.api"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


class _Verb(ModuleType):
    """A module that can be called: `se.run(...)` is sfr_eval.api.run, and sfr_eval.run stays the
    module, since Python binds a module's name on its package whenever it is imported."""

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return self._function(*args, **kwargs)

    @property
    def _function(self) -> Any:
        return getattr(importlib.import_module(f"{__name__}.api"), self.__name__.rpartition(".")[2])

    @property
    def __signature__(self) -> Any:
        import inspect

        return inspect.signature(self._function)


class _Package(ModuleType):
    def __setattr__(self, name: str, value: Any) -> None:
        if name in _VERBS and isinstance(value, ModuleType):
            value.__class__ = _Verb
        super().__setattr__(name, value)


sys.modules[__name__].__class__ = _Package
