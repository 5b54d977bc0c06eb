"""A coding problem as a suite poses it."""

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field

from sfr_eval.sandbox.types import Problem

_ASSERT = re.compile(r"^[^#\n]*\bassert", re.MULTILINE)


@dataclass(frozen=True, kw_only=True)
class CodeProblem:
    """A problem: what the model reads, how its answer becomes a program, how that is graded."""

    id: str
    prompt: str  # the user message
    extract: Callable[[str], str]  # answer of the model -> program; "" if there is none
    load_tests: Callable[[], Problem]  # decodes the tests, which may be large, on demand
    system: str = ""
    calls_function: bool = True  # False: reads standard input, or only has a `check`
    date: str = ""  # of the contest
    facets: Mapping[str, str] = field(default_factory=dict)  # e.g. difficulty, platform, month
    solutions: tuple[str, ...] = ()  # distinct correct answers, as a model would write them
    mutants: tuple[str, ...] = ()  # wrong ones
    render: Callable[[str], str] = str  # program -> an answer from which `extract` recovers it


@dataclass(frozen=True, kw_only=True)
class ProblemSet:
    """All problems of a suite, in the order of `--limit`, and their origin."""

    problems: Mapping[str, CodeProblem]
    identity: str  # of the data, the selection and the prompt form
    mode: str  # default verdict mode
    prompt_form: str
    stop: tuple[str, ...] = ()
    release: str = ""  # of the data: its name, or that of a file
    window: str = ""  # as it was asked for
    shown: str = ""  # which of the tests the prompt shows

    def about(self, ids: Iterable[str]) -> str:
        """Say in one line what a number over these problems is of: release, window, how many, first
        and last contest, and which tests the model could read."""
        problems = [self.problems[id] for id in dict.fromkeys(ids)]
        days = sorted(problem.date for problem in problems if problem.date)
        count = f"{len(problems)} problem{'' if len(problems) == 1 else 's'}"
        contests = f"contests from {days[0]} to {days[-1]}" if days else ""
        window = f"window {self.window}" if self.window else ""
        return ", ".join(filter(None, (self.release, window, count, contests, self.shown)))


def require_asserts(field: str, tests: str) -> None:
    """Raise ValueError for tests without any assert, before anything is sampled. Whether they
    decide anything is checked before programs are graded (sfr_eval/sandbox/flaws.py)."""
    if not _ASSERT.search(tests):
        raise ValueError(f"{field} has no assert, so every program would pass")
