"""One program in one server: sends its tests, checks its replies, stops at the first failure."""

import json
import marshal
import math
import secrets
import time
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from typing import Any

from sfr_eval.sandbox.attempt import (
    Attempt,
    check_in_turn,
    exit_text,
    kernel_limit,
    new_job,
    next_reply,
    seconds_of,
)
from sfr_eval.sandbox.checker import Checker, fields
from sfr_eval.sandbox.evalplus import run_calls
from sfr_eval.sandbox.flaws import flaw
from sfr_eval.sandbox.host import Host, HostError, Session, TimedOut, TooMuch
from sfr_eval.sandbox.replies import EXCEPTION, captured, printed, returned, token_reply
from sfr_eval.sandbox.types import (
    AssertsProblem,
    CallsProblem,
    FunctionalProblem,
    HumanEvalProblem,
    Limits,
    Mode,
    Outcome,
    Program,
    StdinProblem,
    TestVerdict,
    Verdict,
)

_GRACE = 1.0  # the program's own alarm and the keeper's deadline come first


def run_program(
    host: Host, program: Program, *, mode: Mode, limits: Limits, checker: Checker
) -> Verdict:
    """Grade one program. A problem whose tests decide nothing is not scored. Raises HostError when
    the server fails."""
    problem = program.problem
    if reason := flaw(problem, checker):
        return _not_scored(program, reason)
    if isinstance(problem, AssertsProblem | HumanEvalProblem):
        return _run_asserts(host, program, problem=problem, limits=limits, checker=checker)
    if isinstance(problem, CallsProblem):
        return run_calls(host, program, mode=mode, limits=limits, checker=checker)
    run_tests = _run_compat if mode == "lcb-compat" else _run_faithful
    return run_tests(host, program, problem=problem, limits=limits, checker=checker)


def _not_scored(program: Program, reason: str) -> Verdict:
    attempt = Attempt(program, 0.0)
    attempt.add("not_scored", f"problem {program.problem.id!r} {reason}")
    return attempt.verdict(None)


def _run_compat(
    host: Host,
    program: Program,
    *,
    problem: StdinProblem | FunctionalProblem,
    limits: Limits,
    checker: Checker,
) -> Verdict:
    """Grade by the rules of LiveCodeBench: one process for all tests."""
    seconds = float(max(1, int(seconds_of(program, limits))))
    attempt = Attempt(program, seconds)
    functional = isinstance(problem, FunctionalProblem)
    if isinstance(problem, FunctionalProblem) and not checker.is_json(problem):
        attempt.add("runtime_error", "the test itself is not JSON", -4)
        return attempt.verdict(None, compat=True)
    job = _io_job("compat", program, problem=problem, limits=limits)
    if limits.cpu_seconds is None:
        job["cpu_seconds"] = int((seconds + 1) * (len(problem.tests) + 1)) + 5
    inputs = _inputs(problem)
    session = host.open(job, next(inputs, b""))
    deadline = time.monotonic() + seconds + _GRACE  # loading has its own alarm
    for place, test in enumerate(problem.tests):
        deadline = max(deadline, time.monotonic()) + seconds + _GRACE
        if place:
            session.send(next(inputs), deadline=deadline)
        reply = next_reply(attempt, session, deadline=deadline)
        if reply is None:
            break
        deadline = 0.0
        judge = returned if functional else captured
        status, detail = judge(reply, expected=test.output, checker=checker)
        wrong = 0 if functional else -2
        code = wrong if status == "wrong" else -3 if status == "time_limit" else -4
        attempt.add(status, detail, code)
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


def _run_faithful(
    host: Host,
    program: Program,
    *,
    problem: StdinProblem | FunctionalProblem,
    limits: Limits,
    checker: Checker,
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
        reply = next_reply(attempt, session, deadline=deadline)
        if reply is None:
            break
        facts = json.loads(reply)  # from the keeper
        if "infrastructure" in facts:
            session.end()
            raise HostError(facts["infrastructure"])
        try:
            output = session.receive(deadline=deadline)
        except (TimedOut, TooMuch):
            output = None
        if output is None:
            attempt.add("output_limit", "too much output")
            break
        failure = _early_end(facts, session)
        status, detail = check(output, expected=test.output, failure=failure, checker=checker)
        attempt.end_test(
            TestVerdict(status=status, wall_seconds=facts["wall"], cpu_seconds=facts["cpu"]), detail
        )
        if status != "passed":
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


def _check_output(
    output: bytes, *, expected: str, failure: Outcome | None, checker: Checker
) -> Outcome:
    return failure or printed(output, expected=expected, checker=checker)


def _check_call(
    output: bytes, *, expected: str, failure: Outcome | None, checker: Checker
) -> Outcome:
    reply = output[4:]
    if failure is None:
        return returned(reply, expected=expected, checker=checker)
    if failure[0] == "runtime_error" and reply.startswith(EXCEPTION):
        return checker.outcome("failure", replies=(reply,))
    return failure


def _run_asserts(
    host: Host,
    program: Program,
    *,
    problem: AssertsProblem | HumanEvalProblem,
    limits: Limits,
    checker: Checker,
) -> Verdict:
    """Grade by asserts: one process for all."""
    verdict = _try_asserts(host, program, problem=problem, limits=limits, checker=checker)
    if not verdict.passed or checker.plan(problem).sure:
        return verdict
    if problem not in checker.passed_by_nothing:
        nothing = replace(program, code=_nothing(problem))
        trial = _try_asserts(host, nothing, problem=problem, limits=limits, checker=checker)
        checker.passed_by_nothing[problem] = trial.passed
    if checker.passed_by_nothing[problem]:
        return _not_scored(program, "has tests that a program which does nothing passes")
    return verdict


def _nothing(problem: AssertsProblem | HumanEvalProblem) -> str:
    """Return a program that no test may pass."""
    if isinstance(problem, HumanEvalProblem):
        return f"def {problem.entry_point}(*_, **__):\n    raise NotImplementedError\n"
    return ""


def _try_asserts(
    host: Host,
    program: Program,
    *,
    problem: AssertsProblem | HumanEvalProblem,
    limits: Limits,
    checker: Checker,
) -> Verdict:
    plan = checker.plan(problem)
    attempt = Attempt(program, seconds_of(program, limits))
    tokens = [secrets.token_hex(16) for _ in plan.tests]
    messages = [
        {"c": test.inside} if test.split else {"x": test.inside, "t": token}
        for test, token in zip(plan.tests, tokens, strict=True)
    ]
    job = new_job("asserts", program, limits=limits, setup=plan.setup)
    session = host.open(job, marshal.dumps(messages))

    def check(place: int, reply: bytes) -> Outcome:
        test = plan.tests[place]
        if reply == (test.right if test.split else token_reply(tokens[place])):
            return "passed", ""
        return checker.outcome("asserted", fields(problem), place, replies=(reply,))

    checks = [partial(check, place) for place in range(len(plan.tests))]
    check_in_turn(attempt, session, checks=checks, deadline=lambda _: math.inf)
    return attempt.verdict(session, lower=not all(test.split for test in plan.tests))
