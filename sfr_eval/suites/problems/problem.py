"""A coding problem as a suite poses it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from sfr_eval.sandbox.types import Problem


@dataclass(frozen=True, kw_only=True)
class CodeProblem:
    """A problem: what the model reads, how its answer becomes a program, how that is graded."""

    id: str
    prompt: str  # the user message
    extract: Callable[[str], str]  # answer of the model -> program; "" if there is none
    load_tests: Callable[[], Problem]  # decodes the tests, which may be large, on demand
    system: str = ""
    calls_function: bool = True  # False: reads standard input, or only has a `check`
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
