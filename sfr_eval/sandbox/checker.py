"""The grader's handle on the process that compares answers.

Values of programs and of data sets are computed with in that process alone. It has limits on memory
and CPU time (checker_process.py), and is replaced when it exceeds them: the answer in question is
then wrong. Most right answers never get there, since they are, byte for byte, what was expected.
"""

import json
import socket
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Self

from sfr_eval.sandbox.checker_forks import FORKS
from sfr_eval.sandbox.host import HostError
from sfr_eval.sandbox.inside.wire import frame, json_frame
from sfr_eval.sandbox.types import AssertsProblem, FunctionalProblem, HumanEvalProblem, Outcome

TOO_MUCH: Outcome = ("wrong", "the answer takes too much time or memory to compare")
"""The outcome of a test whose answer is beyond the limits of the process."""

_UNREADABLE = "has tests that take too much time or memory to read"
SECONDS = 6
"""CPU time for one question; as long as a program may take for a test."""
_START_SECONDS = 120.0  # enough for a heavily loaded machine
_WALL_SECONDS = 120.0  # the limit on CPU time comes first, unless the machine hardly runs it
_MOST_PLANS = 4096
_REFERENCE_BYTES = 2**28


@dataclass(frozen=True, slots=True)
class PlanTest:
    """One test of a problem made of asserts: an expression whose value comes out, or (not `split`)
    a statement that runs under a token. `right` is the reply that needs no comparison."""

    inside: str
    split: bool
    right: bytes | None


@dataclass(frozen=True, slots=True)
class TestPlan:
    """How a problem made of asserts is tested. `flaw`: why it cannot decide anything, "" if it can.
    `sure`: at least one test fails for a program that defines nothing."""

    __test__ = False  # pytest would take it for a test class

    setup: str
    tests: tuple[PlanTest, ...]
    flaw: str
    sure: bool


@dataclass(frozen=True, slots=True)
class Reference:
    """What the reference of an EvalPlus problem replied to each input, and how long it took."""

    replies: tuple[bytes, ...]
    seconds: tuple[float, ...]
    first_float: int  # place of the first reply made of floats; -1 if none is


_plans: dict[AssertsProblem | HumanEvalProblem, TestPlan] = {}


class Checker:
    """Starts the process when it is first needed. A context manager; not thread-safe."""

    def __init__(self, *, seconds: int = SECONDS) -> None:
        self.seconds = seconds
        self.pid: int | None = None  # of the process, while there is one
        self._wire: socket.socket | None = None
        self._references: dict[tuple[object, ...], Reference | str] = {}
        self._json: dict[FunctionalProblem, bool] = {}
        self.passed_by_nothing: dict[AssertsProblem | HumanEvalProblem, bool] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """End the process. Safe to call twice."""
        wire, self._wire = self._wire, None
        pid, self.pid = self.pid, None
        if wire is not None:
            wire.close()
        if pid is not None:
            FORKS.end(pid)

    def ask(self, question: str, *values: Any, replies: Sequence[bytes] = ()) -> Any:
        """Return the answer to one of the questions of answers.py about values, which become JSON,
        and replies of programs; None if it takes too much time or memory. Raises HostError if the
        process does not start."""
        wire = self._wire or self._start()
        deadline = time.monotonic() + _WALL_SECONDS
        wire.settimeout(_WALL_SECONDS)
        try:
            wire.sendall(json_frame([question, values, len(replies)]))
            for reply in replies:
                wire.sendall(frame(reply))
            return _receive(wire, deadline=deadline)
        except OSError:
            self.close()
            return None

    def outcome(self, question: str, *values: Any, replies: Sequence[bytes]) -> Outcome:
        """Return the outcome of a test by one of the questions; beyond the limits it is wrong."""
        answer = self.ask(question, *values, replies=replies)
        if answer is None:
            return TOO_MUCH
        status, detail = answer
        return status, detail

    def plan(self, problem: AssertsProblem | HumanEvalProblem) -> TestPlan:
        """Return how a problem is tested."""
        plan = _plans.get(problem)
        if plan is None:
            plan = self._plan(problem)
            if len(_plans) < _MOST_PLANS:
                _plans[problem] = plan
        return plan

    def _plan(self, problem: AssertsProblem | HumanEvalProblem) -> TestPlan:
        answer = self.ask("plan", fields(problem))
        if answer is None:
            return TestPlan("", (), _UNREADABLE, sure=False)
        tests = tuple(
            PlanTest(inside, split, right.encode() if right is not None else None)
            for inside, split, right in answer["tests"]
        )
        return TestPlan(answer["setup"], tests, answer["flaw"], sure=answer["sure"])

    def is_json(self, problem: FunctionalProblem) -> bool:
        """Whether each argument and each result of a problem's tests is JSON."""
        if problem not in self._json:
            inputs = (line for test in problem.tests for line in test.input.split("\n"))
            texts = (*inputs, *(test.output for test in problem.tests))
            self._json = {problem: self.ask("are_json", texts) is True}  # programs come in groups
        return self._json[problem]

    def reference(self, key: tuple[object, ...]) -> Reference | str | None:
        """Return what `keep` was given: the replies of a reference, or why there are none."""
        return self._references.get(key)

    def keep(self, key: tuple[object, ...], reference: Reference | str) -> None:
        """Keep the replies of a reference, and no more of the older ones than fit."""
        self._references[key] = reference
        sizes = {name: _size(kept) for name, kept in self._references.items()}
        while sum(sizes.values()) > _REFERENCE_BYTES and len(sizes) > 1:
            oldest = next(iter(sizes))
            del sizes[oldest], self._references[oldest]

    def _start(self) -> socket.socket:
        try:
            self._wire = FORKS.fork(self.seconds)
            self.pid = _receive(self._wire, deadline=time.monotonic() + _START_SECONDS)
        except OSError:
            self.close()
            raise HostError("the process that compares answers did not start") from None
        return self._wire


def fields(problem: AssertsProblem | HumanEvalProblem) -> tuple[Any, ...]:
    """Return a problem as the checking process takes it."""
    if isinstance(problem, HumanEvalProblem):
        return "humaneval", problem.entry_point, problem.test
    return "asserts", problem.asserts, problem.setup


def _size(reference: Reference | str) -> int:
    return 0 if isinstance(reference, str) else sum(map(len, reference.replies))


def _receive(wire: socket.socket, *, deadline: float) -> Any:
    """Return the next answer. Raises OSError if none comes in time, or the process is gone."""
    parts = bytearray()
    while len(parts) < 4 or len(parts) < 4 + int.from_bytes(parts[:4], "little"):
        wire.settimeout(max(0.01, deadline - time.monotonic()))
        part = wire.recv(1 << 18)
        if not part:
            raise ConnectionResetError
        parts += part
    return json.loads(parts[4:])
