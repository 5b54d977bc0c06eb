"""One program in one server: sends its tests, judges its answers, ends it at the first failure."""

import marshal
import math
import time
from collections.abc import Callable
from typing import Any

from sfr_eval.sandbox import compare
from sfr_eval.sandbox.attempt import (
    Attempt,
    answer_in_turn,
    error_status,
    new_job,
    next_reply,
    parse,
    seconds_of,
)
from sfr_eval.sandbox.evalplus import run_calls
from sfr_eval.sandbox.host import Host, Session, TimedOut, TooMuch
from sfr_eval.sandbox.split import Item, plan_asserts, plan_humaneval
from sfr_eval.sandbox.types import (
    AssertsProblem,
    CallsProblem,
    FunctionalProblem,
    HumanEvalProblem,
    IoTest,
    Limits,
    Mode,
    Program,
    ProgramStatus,
    StdinProblem,
    TestVerdict,
    Verdict,
)

_GRACE = 1.0  # the program's own alarm and the keeper's deadline come first


def run_program(host: Host, program: Program, *, mode: Mode, limits: Limits) -> Verdict:
    """Grade one program. HostError when the server fails."""
    problem = program.problem
    if isinstance(problem, AssertsProblem | HumanEvalProblem):
        return _asserts(host, program, limits)
    if isinstance(problem, CallsProblem):
        return run_calls(host, program, mode=mode, limits=limits)
    if mode == "lcb-compat":
        return _compat(host, program, problem, limits)
    return _faithful(host, program, problem, limits)


def _compat(
    host: Host, program: Program, problem: StdinProblem | FunctionalProblem, limits: Limits
) -> Verdict:
    seconds = float(max(1, int(seconds_of(program, limits))))
    attempt = Attempt(program, seconds)
    functional = isinstance(problem, FunctionalProblem)
    expected: list[Any] = [test.output for test in problem.tests]
    if functional:
        try:
            for test in problem.tests:
                compare.json_values(test.input)
            expected = [compare.json_value(test.output) for test in problem.tests]
        except ValueError:
            attempt.failed("runtime_error", "the test itself is no JSON", -4)
            return attempt.verdict(None, compat=True)
    more = {"function": problem.function} if isinstance(problem, FunctionalProblem) else {}
    how = "compat-functional" if functional else "compat-stdin"
    job = new_job(how, program, limits, **more)
    if limits.cpu_seconds is None:
        job["cpu_seconds"] = int((seconds + 1) * (len(problem.tests) + 1)) + 5
    session = host.open(job, _first(problem))
    deadline = time.monotonic() + seconds + _GRACE  # loading has an alarm of its own
    for place, (test, right) in enumerate(zip(problem.tests, expected, strict=True)):
        deadline = max(deadline, time.monotonic()) + seconds + _GRACE
        if place:
            session.send(_given(test), deadline=deadline)
        reply = next_reply(attempt, session, deadline=deadline)
        if reply is None:
            break
        deadline = 0.0
        if "out" not in reply and "v" not in reply:
            status, detail = error_status(reply)
            attempt.failed(status, detail, -3 if status == "time_limit" else -4)
            break
        if not _judge(attempt, reply, right, functional=functional):
            break
    return attempt.verdict(session, compat=True)


def _given(test: IoTest) -> bytes:
    return test.input.encode("utf-8", "surrogatepass")


def _first(problem: StdinProblem | FunctionalProblem) -> bytes:
    """What is sent with the program, to save a turn."""
    return _given(problem.tests[0]) if problem.tests else b""


def _judge(attempt: Attempt, reply: dict[str, Any], right: Any, *, functional: bool) -> bool:
    try:
        if functional:
            equal = compare.same(untupled(reply.get("v")), right)
        else:
            equal = compare.texts_equal(str(reply.get("out", "")), right)
    except compare.Ambiguous as error:
        attempt.failed("runtime_error", str(error), -4)
        return False
    if equal:
        attempt.passed()
    else:
        attempt.failed("wrong", "", 0 if functional else -2)
    return equal


def untupled(form: Any) -> Any:
    """LiveCodeBench turns an outer tuple into a list."""
    return form["t"] if isinstance(form, dict) and "t" in form else form


def _faithful(
    host: Host, program: Program, problem: StdinProblem | FunctionalProblem, limits: Limits
) -> Verdict:
    seconds = seconds_of(program, limits)
    attempt = Attempt(program, seconds)
    functional = isinstance(problem, FunctionalProblem)
    more = {"function": problem.function} if isinstance(problem, FunctionalProblem) else {}
    job = new_job(
        "faithful-functional" if functional else "faithful-stdin", program, limits, **more
    )
    session = host.open(job, _first(problem))
    deadline = time.monotonic() + seconds + _GRACE  # for compiling
    for place, test in enumerate(problem.tests):
        deadline = max(deadline, time.monotonic()) + seconds + _GRACE
        if place:
            session.send(_given(test), deadline=deadline)
        facts = next_reply(attempt, session, deadline=deadline)
        if facts is None:
            break
        try:
            output = session.receive(deadline=deadline)
        except (TimedOut, TooMuch):
            output = None
        if output is None:
            attempt.failed("output_limit", "too much output")
            break
        judge = _judge_call if functional else _judge_output
        verdict, detail = judge(facts, output, test, _stopped(facts, session))
        attempt.tests.append(verdict)
        if verdict.status != "passed":
            attempt.status, attempt.detail = verdict.status, detail
            attempt.waited = facts.get("waited")
            break
        deadline = 0.0
    return attempt.verdict(session)


def _stopped(facts: dict[str, Any], session: Session) -> tuple[ProgramStatus, str] | None:
    """Why the keeper, the kernel or the program itself stopped before a good end."""
    if facts["end"] == "time":
        return "time_limit", "wall clock"
    if facts["end"] == "output":
        return "output_limit", "too much output"
    code = facts["exit"]
    if code == -9 and session.host.ran_out_of_memory():
        return "memory", "ended by the kernel for lack of memory"
    if code == -24 or (code == -9 and facts["cpu"] >= session.cpu_limit):
        return "time_limit", "CPU time limit"
    if code != 0:
        memory = facts.get("memory") or facts.get("error") == "MemoryError"
        what = f"signal {-code}" if code < 0 else f"exit status {code}"
        return ("memory" if memory else "runtime_error"), str(facts.get("error") or what)
    return None


_Stop = tuple[ProgramStatus, str] | None


def _judge_output(
    facts: dict[str, Any], output: bytes, test: IoTest, stopped: _Stop
) -> tuple[TestVerdict, str]:
    try:
        right = compare.texts_equal(output.decode("utf-8", "replace"), test.output)
        broken = ""
    except compare.Ambiguous as error:
        right, broken = False, str(error)
    status: ProgramStatus = "passed" if right else "wrong"
    detail = broken
    if stopped is not None:
        status, detail = stopped
    return _test_verdict(facts, status, right), detail


def _judge_call(
    facts: dict[str, Any], output: bytes, test: IoTest, stopped: _Stop
) -> tuple[TestVerdict, str]:
    reply = parse(output[4:])
    if stopped is not None:
        status, detail = stopped
        if "e" in reply and stopped[0] == "runtime_error":
            status, detail = error_status(reply)
        return _test_verdict(facts, status, None), detail
    if "v" not in reply:
        status, detail = error_status(reply)
        return _test_verdict(facts, status, None), detail
    try:
        right = compare.same(untupled(reply["v"]), compare.json_value(test.output))
    except (compare.Ambiguous, ValueError) as error:
        return _test_verdict(facts, "runtime_error", None), str(error)
    return _test_verdict(facts, "passed" if right else "wrong", right), ""


def _test_verdict(facts: dict[str, Any], status: ProgramStatus, right: bool | None) -> TestVerdict:
    return TestVerdict(
        status=status,
        wall_seconds=facts["wall"],
        cpu_seconds=facts["cpu"],
        exit_status=facts["exit"],
        output_right=right,
    )


def _asserts(host: Host, program: Program, limits: Limits) -> Verdict:
    problem = program.problem
    if isinstance(problem, HumanEvalProblem):
        plan = plan_humaneval(problem)
    else:
        assert isinstance(problem, AssertsProblem)
        plan = plan_asserts(problem)
    seconds = seconds_of(program, limits)
    attempt = Attempt(program, seconds)
    items = [item.job() for item in plan.items]
    job = new_job("asserts", program, limits, setup=plan.setup)
    session = host.open(job, marshal.dumps(items))
    checks = [_checker(item, job) for item, job in zip(plan.items, items, strict=True)]
    answer_in_turn(attempt, session, checks, deadline=lambda _: math.inf)
    return attempt.verdict(session, lower=any(item.check is None for item in plan.items))


def _checker(item: Item, job: dict[str, str]) -> Callable[[dict[str, Any]], bool]:
    check = item.check
    if check is None:
        return lambda reply: reply.get("t") == job["t"]
    return lambda reply: "v" in reply and _guarded(check, reply["v"])


def _guarded(check: Callable[[Any], bool], form: Any) -> bool:
    try:
        return check(form)
    except compare.MALFORMED:
        return False  # no encoder of ours writes this
