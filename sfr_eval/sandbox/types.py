"""What is graded, under which limits, and the result.

A Program (written by a model or by the authors of a data set) belongs to a Problem of one of five
kinds; `grade` turns Programs into Verdicts:

    Problem + code -> Program -> grade(mode, workers, limits) -> Verdict, one per program
"""

from dataclasses import dataclass
from typing import Any, Literal

Mode = Literal["lcb-compat", "faithful", "evalplus"]
"""How tests are run and answers compared.

lcb-compat: LiveCodeBench's own grader with its known faults. faithful: the program as
`python -I file` runs it, in a fresh process per test. evalplus: as faithful, but the floats of a
CallsProblem are compared with EvalPlus's tolerance. Problems made of asserts (AssertsProblem,
HumanEvalProblem) are graded the same way in every mode.
"""

MODES: tuple[Mode, ...] = ("faithful", "lcb-compat", "evalplus")

ProgramStatus = Literal[
    "passed", "wrong", "time_limit", "runtime_error", "memory", "output_limit", "not_scored"
]
"""not_scored: the grader itself failed and the program is unjudged; never counted as a failure."""

Outcome = tuple[ProgramStatus, str]
"""Status and detail of a test."""

Trust = Literal["full", "lower"]
"""full: expected values stayed outside the sandbox. lower: at least one test had to run inside it,
next to the program, guarded only by a one-time token."""


@dataclass(frozen=True, slots=True, kw_only=True)
class IoTest:
    """One test as text: standard input and the right output. For functional problems: one JSON
    value per argument, each on its own line, and the JSON of the right result."""

    input: str
    output: str


@dataclass(frozen=True, slots=True, kw_only=True)
class StdinProblem:
    """The program reads standard input and prints the answer."""

    id: str
    tests: tuple[IoTest, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class FunctionalProblem:
    """The program defines `function`, or a class Solution with that method (LeetCode)."""

    id: str
    function: str
    tests: tuple[IoTest, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class AssertsProblem:
    """MBPP: the program, then `setup` (imports too), then the asserts, all in one namespace."""

    id: str
    asserts: tuple[str, ...]
    setup: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class HumanEvalProblem:
    """HumanEval: `test` defines check(candidate), which is called with `entry_point`.
    `Program.code` is the whole program: a completion needs its prompt in front."""

    id: str
    entry_point: str
    test: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CallsProblem:
    """EvalPlus: `function` is called on each of `inputs`; `reference` returns the right answers.
    Each input is a tuple of arguments made of Python literals (lists, tuples, sets, complex, ...).
    The reference runs in the sandbox, once per problem, in its own process."""

    id: str
    function: str
    inputs: tuple[tuple[Any, ...], ...]
    reference: str
    tolerance: float = 0.0  # EvalPlus's `atol`; used in mode evalplus only


Problem = StdinProblem | FunctionalProblem | AssertsProblem | HumanEvalProblem | CallsProblem


@dataclass(frozen=True, slots=True, kw_only=True)
class Program:
    """A program to grade. `id` is the caller's (a sample_id, a row id) and comes back."""

    id: str
    code: str
    problem: Problem


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What one program may use. `seconds` None means 6 for each test of a stdin or functional
    problem (as LiveCodeBench) and 4 for all asserts together (as EvalPlus)."""

    seconds: float | None = None  # wall clock
    cpu_seconds: int | None = None  # of one process; None: somewhat above `seconds`
    own_seconds: float | None = None  # of a test's wall clock, what it did not lack a core
    memory_bytes: int = 4 * 2**30  # address space of the process
    output_bytes: int = 64 * 2**20  # everything that leaves the sandbox
    temporary_bytes: int = 64 * 2**20  # files in /tmp
    processes: int = 256  # threads included


@dataclass(frozen=True, slots=True, kw_only=True)
class TestVerdict:
    """The result of one test. Tests after the first failure are not run and have no entry."""

    __test__ = False  # pytest would take it for a test class

    status: ProgramStatus
    wall_seconds: float
    cpu_seconds: float | None = None  # None: shares a process with the other tests


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """The result of grading a program."""

    id: str
    problem: str
    status: ProgramStatus
    tests: tuple[TestVerdict, ...] = ()
    wall_seconds: float = 0.0  # all tests; waiting for a free worker not included
    cpu_seconds: float = 0.0  # user + system, all processes of the program
    waited_seconds: float | None = None  # a thread of it, ready but without a core; if slow
    trust: Trust = "full"
    retried: bool = False  # repeated alone after a time-out with unused CPU time
    near_limit: bool = False  # a test used over 80% of its time limit
    detail: str = ""  # one line: exception, signal, why not scored
    codes: tuple[int, ...] = ()  # lcb-compat: LiveCodeBench's result codes

    @property
    def passed(self) -> bool:
        """Whether every test passed."""
        return self.status == "passed"


def missing_package(detail: str) -> str:
    """Return the package that a verdict's detail names as missing; "" if it names none."""
    error, _, package = detail.partition(": ")
    return package if error == "ModuleNotFoundError" else ""
