"""EvalPlus: a function is called on many inputs and must return what the reference returns.

In mode `evalplus` answers are compared by EvalPlus's rules: floats with an absolute tolerance (1e-6
from the first expected float on, for all later inputs of the task) and a relative one of 1e-7, and
some tasks by their own rule. In the other modes answers are compared by `==` alone.
"""

import marshal
import math
import time
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from typing import Any

from sfr_eval.sandbox.attempt import Attempt, check_in_turn, new_job
from sfr_eval.sandbox.checker import TOO_MUCH, Checker, Reference
from sfr_eval.sandbox.evalplus_rules import READS_ARGUMENTS, TOLERANCE
from sfr_eval.sandbox.host import Host, Session
from sfr_eval.sandbox.inside.plain import encode
from sfr_eval.sandbox.types import CallsProblem, Limits, Mode, Outcome, Program, Verdict

_ALL_SECONDS = 60.0
_INPUT_SECONDS = 4.0
_FACTOR = 4.0  # times the reference's own time
_ANSWER = b'{"v":'
_NO_EQUAL = (b"NaN", b'{"o":', b'{"a":')  # in a reply: what does not equal itself


def run_calls(
    host: Host, program: Program, *, mode: Mode, limits: Limits, checker: Checker
) -> Verdict:
    """Grade one program against the reference, which runs first if it has not run yet."""
    problem = program.problem
    assert isinstance(problem, CallsProblem)
    total = limits.seconds or _ALL_SECONDS
    attempt = Attempt(program, total)
    plus = mode == "evalplus"
    reference = _reference(host, problem, plus=plus, limits=limits, checker=checker)
    if isinstance(reference, str):
        attempt.add("not_scored", reference)
        return attempt.verdict(None)
    rule = _Rule(problem, reference, plus=plus, checker=checker)
    checks = [partial(rule.check, index) for index in range(len(problem.inputs))]
    session = _open(host, program, problem=problem, limits=replace(limits, seconds=total))

    def deadline(index: int) -> float:
        return time.monotonic() + max(_INPUT_SECONDS, _FACTOR * reference.seconds[index])

    check_in_turn(attempt, session, checks=checks, deadline=deadline)
    return attempt.verdict(session)


def _open(host: Host, program: Program, *, problem: CallsProblem, limits: Limits) -> Session:
    calls = [{"f": problem.function, "a": encode(tuple(inputs))} for inputs in problem.inputs]
    return host.open(new_job("asserts", program, limits=limits, setup=""), marshal.dumps(calls))


def _reference(
    host: Host, problem: CallsProblem, *, plus: bool, limits: Limits, checker: Checker
) -> Reference | str:
    """Return the reference's answers, which the checker keeps, or why there are none."""
    key = (problem.id, problem.function, problem.reference, len(problem.inputs))
    kept = checker.reference(key)
    if kept is None:
        kept = _run_reference(host, problem, plus=plus, limits=limits, checker=checker)
        checker.keep(key, kept)
    return kept


def _run_reference(
    host: Host, problem: CallsProblem, *, plus: bool, limits: Limits, checker: Checker
) -> Reference | str:
    program = Program(id=problem.id, code=problem.reference, problem=problem)
    attempt = Attempt(program, _ALL_SECONDS)
    limits = replace(limits, seconds=_ALL_SECONDS)
    session = _open(host, program, problem=problem, limits=limits)
    replies: list[bytes] = []

    def keep(reply: bytes) -> Outcome:
        replies.append(reply)
        return (
            ("passed", "")
            if reply.startswith(_ANSWER)
            else checker.outcome("failure", replies=(reply,))
        )

    checks = [keep] * len(problem.inputs)
    check_in_turn(attempt, session, checks=checks, deadline=lambda _: math.inf)
    verdict = attempt.verdict(session)
    if not verdict.passed:
        return f"the reference of {problem.id} ended as {verdict.status}: {verdict.detail}"
    first_float = checker.ask("first_float", replies=replies) if plus else -1
    if first_float is None:
        return f"the answers of the reference of {problem.id} are too large to compare"
    seconds = tuple(test.wall_seconds for test in verdict.tests)
    return Reference(tuple(replies), seconds, first_float)


class _Rule:
    """Decides whether answers are right; keeps the tolerance across inputs, as EvalPlus does."""

    def __init__(
        self, problem: CallsProblem, reference: Reference, *, plus: bool, checker: Checker
    ) -> None:
        self._problem, self._reference = problem, reference
        self._plus, self._checker = plus, checker
        self._tolerance = problem.tolerance
        self._reads_arguments = plus and problem.id in READS_ARGUMENTS

    def check(self, index: int, reply: bytes) -> Outcome:
        """Judge the reply to one input."""
        expected = self._reference.replies[index]
        same = reply == expected and not any(mark in reply for mark in _NO_EQUAL)
        if same and not self._reads_arguments:
            if self._tolerance == 0 and 0 <= self._reference.first_float <= index:
                self._tolerance = TOLERANCE
            return "passed", ""
        if not self._plus:
            return self._checker.outcome("called", replies=(expected, reply))
        return self._by_rule(self._problem.inputs[index], expected, reply)

    def _by_rule(self, arguments: Sequence[Any], expected: bytes, reply: bytes) -> Outcome:
        rule = (self._problem.id, self._problem.function, self._tolerance)
        needed = encode(tuple(arguments) if self._reads_arguments else ())
        answer = self._checker.ask("called_by_rule", rule, needed, replies=(expected, reply))
        if answer is None:
            return TOO_MUCH
        status, detail, self._tolerance = answer
        return status, detail
