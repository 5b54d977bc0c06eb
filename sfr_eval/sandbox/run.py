"""One program in one server: sends its tests, checks its replies, stops at the first failure."""

import marshal
import math
import time
from collections.abc import Callable
from typing import Any

from sfr_eval.sandbox import compare
from sfr_eval.sandbox.attempt import (
    Attempt,
    Failure,
    check_in_turn,
    error_status,
    exit_text,
    kernel_limit,
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
    """Grade one program. Raises HostError when the server fails."""
    problem = program.problem
    if isinstance(problem, AssertsProblem | HumanEvalProblem):
        return _run_asserts(host, program, problem=problem, limits=limits)
    if isinstance(problem, CallsProblem):
        return run_calls(host, program, mode=mode, limits=limits)
    run_tests = _run_compat if mode == "lcb-compat" else _run_faithful
    return run_tests(host, program, problem=problem, limits=limits)


def _run_compat(
    host: Host, program: Program, *, problem: StdinProblem | FunctionalProblem, limits: Limits
) -> Verdict:
    """Grade by the rules of LiveCodeBench: one process for all tests."""
    seconds = float(max(1, int(seconds_of(program, limits))))
    attempt = Attempt(program, seconds)
    function = problem.function if isinstance(problem, FunctionalProblem) else None
    expected: list[Any] = [test.output for test in problem.tests]
    if function is not None:
        try:
            for test in problem.tests:
                compare.json_values(test.input)
            expected = [compare.json_value(test.output) for test in problem.tests]
        except ValueError:
            attempt.fail("runtime_error", "the test itself is not JSON", -4)
            return attempt.verdict(None, compat=True)
    job = _io_job("compat", program, function=function, limits=limits)
    if limits.cpu_seconds is None:
        job["cpu_seconds"] = int((seconds + 1) * (len(problem.tests) + 1)) + 5
    session = host.open(job, _first_input(problem))
    deadline = time.monotonic() + seconds + _GRACE  # loading has its own alarm
    for place, (test, output) in enumerate(zip(problem.tests, expected, strict=True)):
        deadline = max(deadline, time.monotonic()) + seconds + _GRACE
        if place:
            session.send(_input_bytes(test), deadline=deadline)
        reply = next_reply(attempt, session, deadline=deadline)
        if reply is None:
            break
        deadline = 0.0
        if "out" not in reply and "v" not in reply:
            status, detail = error_status(reply)
            attempt.fail(status, detail, -3 if status == "time_limit" else -4)
            break
        if not _check_compat(attempt, reply, expected=output, functional=function is not None):
            break
    return attempt.verdict(session, compat=True)


def _io_job(
    rules: str, program: Program, *, function: str | None, limits: Limits
) -> dict[str, Any]:
    if function is None:
        return new_job(f"{rules}-stdin", program, limits=limits)
    return new_job(f"{rules}-functional", program, limits=limits, function=function)


def _input_bytes(test: IoTest) -> bytes:
    return test.input.encode("utf-8", "surrogatepass")


def _first_input(problem: StdinProblem | FunctionalProblem) -> bytes:
    """Returns the input that is sent along with the program, which saves a turn."""
    return _input_bytes(problem.tests[0]) if problem.tests else b""


def _check_compat(
    attempt: Attempt, reply: dict[str, Any], *, expected: Any, functional: bool
) -> bool:
    try:
        if functional:
            equal = compare.outputs_equal(_outer_list(reply.get("v")), expected)
        else:
            equal = compare.texts_equal(str(reply.get("out", "")), expected)
    except compare.Ambiguous as error:
        attempt.fail("runtime_error", str(error), -4)
        return False
    if equal:
        attempt.add_pass()
    else:
        attempt.fail("wrong", "", 0 if functional else -2)
    return equal


def _outer_list(form: Any) -> Any:
    """LiveCodeBench turns an outer tuple into a list."""
    return form["t"] if isinstance(form, dict) and "t" in form else form


def _run_faithful(
    host: Host, program: Program, *, problem: StdinProblem | FunctionalProblem, limits: Limits
) -> Verdict:
    """Grade as `python -I` would run the program: a fresh process for each test."""
    seconds = seconds_of(program, limits)
    attempt = Attempt(program, seconds)
    function = problem.function if isinstance(problem, FunctionalProblem) else None
    job = _io_job("faithful", program, function=function, limits=limits)
    session = host.open(job, _first_input(problem))
    deadline = time.monotonic() + seconds + _GRACE  # for compiling
    for place, test in enumerate(problem.tests):
        deadline = max(deadline, time.monotonic()) + seconds + _GRACE
        if place:
            session.send(_input_bytes(test), deadline=deadline)
        facts = next_reply(attempt, session, deadline=deadline)
        if facts is None:
            break
        try:
            output = session.receive(deadline=deadline)
        except (TimedOut, TooMuch):
            output = None
        if output is None:
            attempt.fail("output_limit", "too much output")
            break
        check = _check_output if function is None else _check_call
        verdict, detail = check(facts, output, test=test, failure=_early_end(facts, session))
        attempt.tests.append(verdict)
        if verdict.status != "passed":
            attempt.status, attempt.detail = verdict.status, detail
            attempt.waited = facts.get("waited")
            break
        deadline = 0.0
    return attempt.verdict(session)


def _early_end(facts: dict[str, Any], session: Session) -> Failure | None:
    """Returns why the keeper, the kernel or the program itself stopped before a proper end."""
    if facts["end"] == "time":
        return "time_limit", "wall clock"
    if facts["end"] == "output":
        return "output_limit", "too much output"
    code = facts["exit"]
    if failure := kernel_limit(code, cpu_seconds=facts["cpu"], session=session):
        return failure
    if code != 0:
        memory = facts.get("memory") or facts.get("error") == "MemoryError"
        detail = str(facts.get("error") or exit_text(code))
        return ("memory" if memory else "runtime_error"), detail
    return None


def _check_output(
    facts: dict[str, Any], output: bytes, *, test: IoTest, failure: Failure | None
) -> tuple[TestVerdict, str]:
    if failure is not None:
        status, detail = failure
        return _test_verdict(facts, status), detail
    try:
        right = compare.texts_equal(output.decode("utf-8", "replace"), test.output)
    except compare.Ambiguous as error:
        return _test_verdict(facts, "wrong"), str(error)
    return _test_verdict(facts, "passed" if right else "wrong"), ""


def _check_call(
    facts: dict[str, Any], output: bytes, *, test: IoTest, failure: Failure | None
) -> tuple[TestVerdict, str]:
    reply = parse(output[4:])
    if failure is None and "v" not in reply:
        failure = error_status(reply)
    elif failure is not None and failure[0] == "runtime_error" and "e" in reply:
        failure = error_status(reply)  # it names the exception
    if failure is not None:
        status, detail = failure
        return _test_verdict(facts, status), detail
    try:
        right = compare.outputs_equal(_outer_list(reply["v"]), compare.json_value(test.output))
    except (compare.Ambiguous, ValueError) as error:
        return _test_verdict(facts, "runtime_error"), str(error)
    return _test_verdict(facts, "passed" if right else "wrong"), ""


def _test_verdict(facts: dict[str, Any], status: ProgramStatus) -> TestVerdict:
    return TestVerdict(status=status, wall_seconds=facts["wall"], cpu_seconds=facts["cpu"])


def _run_asserts(
    host: Host, program: Program, *, problem: AssertsProblem | HumanEvalProblem, limits: Limits
) -> Verdict:
    """Grade by asserts: one process for all."""
    if isinstance(problem, HumanEvalProblem):
        plan = plan_humaneval(problem)
    else:
        plan = plan_asserts(problem)
    attempt = Attempt(program, seconds_of(program, limits))
    messages = [item.message() for item in plan.items]
    job = new_job("asserts", program, limits=limits, setup=plan.setup)
    session = host.open(job, marshal.dumps(messages))
    checks = [_reply_check(item, sent) for item, sent in zip(plan.items, messages, strict=True)]
    check_in_turn(attempt, session, checks=checks, deadline=lambda _: math.inf)
    return attempt.verdict(session, lower=any(item.check is None for item in plan.items))


def _reply_check(item: Item, message: dict[str, str]) -> Callable[[dict[str, Any]], bool]:
    check = item.check
    if check is None:
        return lambda reply: reply.get("t") == message["t"]

    def check_value(reply: dict[str, Any]) -> bool:
        try:
            return "v" in reply and check(reply["v"])
        except compare.MALFORMED:
            return False  # no encoder of ours writes this

    return check_value
