"""One program in one server: sends its tests, checks its replies, stops at the first failure."""

import marshal
import math
import time
from collections.abc import Iterator
from functools import partial
from typing import Any

from sfr_eval.sandbox import compare
from sfr_eval.sandbox.attempt import (
    Attempt,
    Outcome,
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
    functional = isinstance(problem, FunctionalProblem)
    expected: list[Any] = [test.output for test in problem.tests]
    if functional:
        try:
            for test in problem.tests:
                for line in test.input.split("\n"):
                    compare.json_value(line)
            expected = [compare.json_value(test.output) for test in problem.tests]
        except ValueError:
            attempt.add("runtime_error", "the test itself is not JSON", -4)
            return attempt.verdict(None, compat=True)
    job = _io_job("compat", program, problem=problem, limits=limits)
    if limits.cpu_seconds is None:
        job["cpu_seconds"] = int((seconds + 1) * (len(problem.tests) + 1)) + 5
    inputs = _inputs(problem)
    session = host.open(job, next(inputs, b""))
    deadline = time.monotonic() + seconds + _GRACE  # loading has its own alarm
    for place, output in enumerate(expected):
        deadline = max(deadline, time.monotonic()) + seconds + _GRACE
        if place:
            session.send(next(inputs), deadline=deadline)
        reply = next_reply(attempt, session, deadline=deadline)
        if reply is None:
            break
        deadline = 0.0
        attempt.add(*_check_compat(reply, expected=output, functional=functional))
        if attempt.status != "passed":
            break
    return attempt.verdict(session, compat=True)


def _io_job(
    rules: str, program: Program, *, problem: StdinProblem | FunctionalProblem, limits: Limits
) -> dict[str, Any]:
    if isinstance(problem, StdinProblem):
        return new_job(f"{rules}-stdin", program, limits=limits)
    return new_job(f"{rules}-functional", program, limits=limits, function=problem.function)


def _inputs(problem: StdinProblem | FunctionalProblem) -> Iterator[bytes]:
    """Return the input of each test. The first is sent along with the program to save a turn."""
    return (test.input.encode("utf-8", "surrogatepass") for test in problem.tests)


def _check_compat(
    reply: dict[str, Any], *, expected: Any, functional: bool
) -> tuple[ProgramStatus, str, int]:
    """Return status, detail and LiveCodeBench's code."""
    if "out" not in reply and "v" not in reply:
        status, detail = error_status(reply)
        return status, detail, -3 if status == "time_limit" else -4
    try:
        if functional:
            equal = compare.outputs_equal(_outer_list(reply.get("v")), expected)
        else:
            equal = compare.texts_equal(str(reply.get("out", "")), expected)
    except compare.Ambiguous as error:
        return "runtime_error", str(error), -4
    return ("passed" if equal else "wrong"), "", 0 if functional else -2


def _outer_list(form: Any) -> Any:
    """LiveCodeBench turns an outer tuple into a list."""
    return form["t"] if isinstance(form, dict) and "t" in form else form


def _run_faithful(
    host: Host, program: Program, *, problem: StdinProblem | FunctionalProblem, limits: Limits
) -> Verdict:
    """Grade as `python -I` would run the program: a fresh process for each test."""
    seconds = seconds_of(program, limits)
    attempt = Attempt(program, seconds)
    check = _check_call if isinstance(problem, FunctionalProblem) else _check_output
    inputs = _inputs(problem)
    session = host.open(
        _io_job("faithful", program, problem=problem, limits=limits), next(inputs, b"")
    )
    deadline = time.monotonic() + seconds + _GRACE  # for compiling
    for place, test in enumerate(problem.tests):
        deadline = max(deadline, time.monotonic()) + seconds + _GRACE
        if place:
            session.send(next(inputs), deadline=deadline)
        facts = next_reply(attempt, session, deadline=deadline)
        if facts is None:
            break
        try:
            output = session.receive(deadline=deadline)
        except (TimedOut, TooMuch):
            output = None
        if output is None:
            attempt.add("output_limit", "too much output")
            break
        status, detail = check(output, expected=test.output, failure=_early_end(facts, session))
        attempt.tests.append(
            TestVerdict(status=status, wall_seconds=facts["wall"], cpu_seconds=facts["cpu"])
        )
        if status != "passed":
            attempt.status, attempt.detail = status, " ".join(detail.split())
            attempt.waited = facts.get("waited")
            break
        deadline = 0.0
    return attempt.verdict(session)


def _early_end(facts: dict[str, Any], session: Session) -> Outcome | None:
    """Return why the keeper, the kernel or the program itself stopped before a proper end."""
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


def _check_output(output: bytes, *, expected: str, failure: Outcome | None) -> Outcome:
    if failure is not None:
        return failure
    try:
        right = compare.texts_equal(output.decode("utf-8", "replace"), expected)
    except compare.Ambiguous as error:
        return "wrong", str(error)
    return ("passed" if right else "wrong"), ""


def _check_call(output: bytes, *, expected: str, failure: Outcome | None) -> Outcome:
    reply = parse(output[4:])
    if failure is None and "v" not in reply:
        failure = error_status(reply)
    elif failure is not None and failure[0] == "runtime_error" and "e" in reply:
        failure = error_status(reply)  # it names the exception
    if failure is not None:
        return failure
    try:
        right = compare.outputs_equal(_outer_list(reply["v"]), compare.json_value(expected))
    except (compare.Ambiguous, ValueError) as error:
        return "runtime_error", str(error)
    return ("passed" if right else "wrong"), ""


def _run_asserts(
    host: Host, program: Program, *, problem: AssertsProblem | HumanEvalProblem, limits: Limits
) -> Verdict:
    """Grade by asserts: one process for all."""
    split = plan_humaneval if isinstance(problem, HumanEvalProblem) else plan_asserts
    plan = split(problem)
    attempt = Attempt(program, seconds_of(program, limits))
    messages = [item.message() for item in plan.items]
    job = new_job("asserts", program, limits=limits, setup=plan.setup)
    session = host.open(job, marshal.dumps(messages))
    checks = [partial(_is_right, *pair) for pair in zip(plan.items, messages, strict=True)]
    check_in_turn(attempt, session, checks=checks, deadline=lambda _: math.inf)
    return attempt.verdict(session, lower=any(item.check is None for item in plan.items))


def _is_right(item: Item, message: dict[str, str], reply: dict[str, Any]) -> bool:
    if item.check is None:
        return bool(reply.get("t") == message["t"])
    try:
        return "v" in reply and item.check(reply["v"])
    except compare.MALFORMED:
        return False
