"""sfr-eval: has a fine-tuned language model collapsed, and what did that cost or save?

`import sfr_eval as se; run = se.run(model=..., suite="persona"); run.results`: see sfr_eval.api.
"""

from typing import TYPE_CHECKING, Any

from sfr_eval.version import __version__

if TYPE_CHECKING:
    from sfr_eval.api import (
        Run,
        compare,
        compare_groups,
        diversity,
        export,
        index,
        load,
        run,
        score,
        score_models,
        sweep,
    )

__all__ = [
    "Run",
    "__version__",
    "compare",
    "compare_groups",
    "diversity",
    "export",
    "index",
    "load",
    "run",
    "score",
    "score_models",
    "sweep",
]


def __getattr__(name: str) -> Any:
    """Import the Python API on first use, since its imports would slow down `sfr-eval --help`."""
    if name in __all__:
        from sfr_eval import api

        return getattr(api, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
