"""The kinds of code suite. A new kind is a module with `load` and a line here."""

import importlib
from pathlib import Path

from sfr_eval.settings import CodeSettings
from sfr_eval.suites.problems.problem import ProblemSet

KINDS = {
    "mbpp": "sfr_eval.suites.problems.mbpp:load",
    "livecodebench": "sfr_eval.suites.problems.livecodebench:load",
    "humaneval": "sfr_eval.suites.problems.humaneval:load",
}


def load_problems(kind: str, folder: Path, settings: CodeSettings) -> ProblemSet:
    """Load the problems of a suite of this kind, whose folder is `folder`."""
    module, _, function = KINDS[kind].partition(":")
    loaded: ProblemSet = getattr(importlib.import_module(module), function)(folder, settings)
    return loaded
