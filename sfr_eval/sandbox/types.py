"""What is graded, under which limits, and what comes out. Imports nothing of ours.

A Program (text of a model or of a reference) belongs to a Problem of one of five kinds; `grade`
turns Programs into Verdicts:

    Problem + code -> Program -> grade(mode, workers, limits) -> Verdict (one a program)
"""

from dataclasses import dataclass, field
from typing import Any, Literal

Mode = Literal["lcb-compat", "faithful", "evalplus"]
"""How tests are run and answers are compared. lcb-compat: LiveCodeBench's own grader with its known
faults. faithful: the program as `python -I file` runs it, one fresh process a test. evalplus: as
faithful, floats of CallsProblem compared with EvalPlus' tolerance. Problems of asserts
(AssertsProblem, HumanEvalProblem) are graded equally in every mode."""

MODES: tuple[Mode, ...] = ("faithful", "lcb-compat", "evalplus")

ProgramStatus = Literal[
    "passed",
    "wrong",
    "time_limit",
    "runtime_error",
    "memory",
    "output_limit",
    "not_scored",
]
"""not_scored: the grader itself failed, nothing is known about the program; never counted as 0."""

Trust = Literal["full", "lower"]
"""full: expected values stayed outside the sandbox. lower: at least one test had to run inside,
next to the program, guarded by a one-time token only."""


@dataclass(frozen=True, slots=True, kw_only=True)
class IoTest:
    """One test as text. Standard input and its right output, or, for functional problems, one JSON
    value an argument on lines of their own, and the JSON of the right result."""

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
    """MBPP: program, then `setup` (also imports), then the asserts, all in one namespace."""

    id: str
    asserts: tuple[str, ...]
    setup: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class HumanEvalProblem:
    """HumanEval: `test` defines check(candidate), which is called with `entry_point`.

    `Program.code` is the whole program: put the prompt in front of a completion.
    """

    id: str
    entry_point: str
    test: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CallsProblem:
    """EvalPlus: `function` called on each of `inputs`; right is what `reference` returns.

    inputs are Python literals (lists, tuples, sets, complex, ...), one argument tuple each. The
    reference runs in the sandbox, once for each problem, in a process of its own.
    """

    id: str
    function: str
    inputs: tuple[tuple[Any, ...], ...]
    reference: str
    tolerance: float = 0.0  # EvalPlus' `atol`; used in mode evalplus only


Problem = StdinProblem | FunctionalProblem | AssertsProblem | HumanEvalProblem | CallsProblem


@dataclass(frozen=True, slots=True, kw_only=True)
class Program:
    """A program to grade. `id` is the caller's (a sample_id, a row id) and comes back."""

    id: str
    code: str
    problem: Problem


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What one program may use. None for `seconds` takes the kind's own: 6 for each test of
    stdin and functional problems (LiveCodeBench), 4 for all asserts together (EvalPlus)."""

    seconds: float | None = None  # wall clock
    cpu_seconds: int | None = None  # of one process; None: above the wall clock's limits
    memory_bytes: int = 4 * 2**30  # address space of the process
    output_bytes: int = 64 * 2**20  # all that crosses out of the sandbox
    temporary_bytes: int = 64 * 2**20  # files in /tmp
    processes: int = 64  # threads too


@dataclass(frozen=True, slots=True, kw_only=True)
class TestVerdict:
    """One test. Tests after the first that fails are not run and have no entry."""

    __test__ = False  # the name is no test class of pytest

    status: ProgramStatus
    wall_seconds: float
    cpu_seconds: float | None = None  # None: shares a process with the other tests
    exit_status: int | None = None  # faithful stdin: exit code, or minus the signal
    output_right: bool | None = None  # the output alone, whatever the exit status says


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What became of a program. passed <=> every test passed."""

    id: str
    problem: str
    status: ProgramStatus
    tests: tuple[TestVerdict, ...] = ()
    wall_seconds: float = 0.0  # all tests, without waiting for a free worker
    cpu_seconds: float = 0.0  # user + system, all processes of the program
    waited_seconds: float | None = None  # ready to run without a core; known of time-outs only
    trust: Trust = "full"
    retried: bool = False  # a wall time-out with unused CPU was repeated alone
    near_limit: bool = False  # a test ended within 20% of its time limit
    detail: str = ""  # one line: exception, signal, reason of not_scored
    codes: tuple[int, ...] = field(default=())  # lcb-compat: LiveCodeBench's result codes

    @property
    def passed(self) -> bool:
        """Whether every test passed."""
        return self.status == "passed"
