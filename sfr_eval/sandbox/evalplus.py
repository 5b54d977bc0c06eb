"""EvalPlus: a function is called on many inputs and must return what the reference returns.

In mode `evalplus` answers are compared by EvalPlus's rules: floats with an absolute tolerance (1e-6
from the first expected float on, for all later inputs of the task) and a relative one of 1e-7, and
some tasks by their own rule. In the other modes answers are compared by `==` alone.
"""

import marshal
import math
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from sfr_eval.sandbox import compare
from sfr_eval.sandbox.attempt import Attempt, check_in_turn, new_job
from sfr_eval.sandbox.host import Host, Session
from sfr_eval.sandbox.inside.plain import decode, encode
from sfr_eval.sandbox.types import CallsProblem, Limits, Mode, Program, Verdict

_RELATIVE = 1e-7
_TOLERANCE = 1e-6
_ALL_SECONDS = 60.0
_INPUT_SECONDS = 4.0
_FACTOR = 4.0  # times the reference's own time

_SET_TASKS = {
    f"Mbpp/{number}" for number in (2, 7, 111, 140, 232, 249, 579, 769)
}  # the order of the answer is free
_MATCH_TASKS = {"check_str", "text_match_three", "text_starta_endb"}  # any match object, or None


@dataclass(frozen=True, slots=True)
class Reference:
    """What the reference returned for each input, and how long it took."""

    values: tuple[Any, ...]
    seconds: tuple[float, ...]


def run_calls(host: Host, program: Program, *, mode: Mode, limits: Limits) -> Verdict:
    """Grade one program against the reference, which runs first if it has not run yet."""
    problem = program.problem
    assert isinstance(problem, CallsProblem)
    total = limits.seconds or _ALL_SECONDS
    attempt = Attempt(program, total)
    reference = _reference(host, problem, limits)
    if isinstance(reference, str):
        attempt.add("not_scored", reference)
        return attempt.verdict(None)
    rule = _Rule(problem, plus=mode == "evalplus")
    checks = [
        partial(rule.check, arguments, expected)
        for arguments, expected in zip(problem.inputs, reference.values, strict=True)
    ]
    session = _open(host, program, problem=problem, limits=replace(limits, seconds=total))

    def deadline(index: int) -> float:
        return time.monotonic() + max(_INPUT_SECONDS, _FACTOR * reference.seconds[index])

    check_in_turn(attempt, session, checks=checks, deadline=deadline)
    return attempt.verdict(session)


def _open(host: Host, program: Program, *, problem: CallsProblem, limits: Limits) -> Session:
    calls = [{"f": problem.function, "a": encode(tuple(inputs))} for inputs in problem.inputs]
    return host.open(new_job("asserts", program, limits=limits, setup=""), marshal.dumps(calls))


def _reference(host: Host, problem: CallsProblem, limits: Limits) -> Reference | str:
    """Return the reference's answers, which the host keeps, or why there are none."""
    key = (problem.id, problem.function, problem.reference, len(problem.inputs))
    if key not in host.references:
        host.references[key] = _run_reference(host, problem, limits)
    reference: Reference | str = host.references[key]
    return reference


def _run_reference(host: Host, problem: CallsProblem, limits: Limits) -> Reference | str:
    program = Program(id=problem.id, code=problem.reference, problem=problem)
    attempt = Attempt(program, _ALL_SECONDS)
    limits = replace(limits, seconds=_ALL_SECONDS)
    session = _open(host, program, problem=problem, limits=limits)
    forms: list[Any] = []

    def keep(reply: dict[str, Any]) -> bool:
        forms.append(reply.get("v"))
        return "v" in reply

    checks = [keep] * len(problem.inputs)
    check_in_turn(attempt, session, checks=checks, deadline=lambda _: math.inf)
    verdict = attempt.verdict(session)
    if not verdict.passed:
        return f"the reference of {problem.id} ended as {verdict.status}: {verdict.detail}"
    seconds = tuple(test.wall_seconds for test in verdict.tests)
    return Reference(tuple(decode(form) for form in forms), seconds)


class _Rule:
    """Decides whether answers are right; keeps the tolerance across inputs, as EvalPlus does."""

    def __init__(self, problem: CallsProblem, *, plus: bool) -> None:
        self._id, self._function = problem.id, problem.function
        self._plus, self._tolerance = plus, problem.tolerance

    def check(self, arguments: Sequence[Any], expected: Any, reply: dict[str, Any]) -> bool:
        """Whether the answer in a reply is right."""
        if "v" not in reply:
            return False
        try:
            if self._plus:
                return self._right(arguments, reply["v"], expected)
            return compare.outputs_equal(reply["v"], expected)
        except compare.MALFORMED:
            return False

    def _right(self, arguments: Sequence[Any], form: Any, expected: Any) -> bool:
        if self._id == "HumanEval/32":
            root = compare.number(form)
            terms = (c * root**i for i, c in enumerate(arguments[0])) if root is not None else ()
            return root is not None and abs(sum(terms)) <= self._tolerance
        if self._id.startswith("Mbpp/"):
            special = self._special(arguments, form, expected)
            if special is not None:
                return special
        if self._tolerance == 0 and _all_floats(expected):
            self._tolerance = _TOLERANCE
        equal = compare.outputs_equal(form, expected)
        return equal or (self._tolerance != 0 and _close(form, expected, self._tolerance))

    def _special(self, arguments: Sequence[Any], form: Any, expected: Any) -> bool | None:
        """Apply the rule of a task that allows several answers; None if the usual rule decides."""
        if self._id == "Mbpp/164":
            return True
        if self._id == "Mbpp/295" and compare.number(form) == 0:
            return True
        if self._id == "Mbpp/581":
            base, height = arguments
            area = base**2 + 2 * base * math.sqrt((base / 2) ** 2 + height**2)
            answer = compare.number(form)
            if answer is not None and abs(answer - area) <= self._tolerance:
                return True
        if self._id == "Mbpp/558":
            return True if compare.number(form) == _digit_distance(*arguments) else None
        if self._id in _SET_TASKS:
            return _same_elements(form, expected)
        if self._function in _MATCH_TASKS:
            answer_matches = form if isinstance(form, bool) else form is not None
            reference_matches = expected if isinstance(expected, bool) else expected is not None
            return answer_matches == reference_matches
        return None


def _digit_distance(first: int, second: int) -> int:
    one, two = str(first), str(second)
    width = max(len(one), len(two))
    pairs = zip(one.zfill(width), two.zfill(width), strict=True)
    return sum(abs(int(a) - int(b)) for a, b in pairs)


def _same_elements(form: Any, expected: Any) -> bool:
    """Return set(answer) == set(expected); False for an answer that is not a collection."""
    _, items = compare.parts(form)
    return isinstance(items, list) and compare.same_elements(items, set(expected))


def _all_floats(expected: Any) -> bool:
    if isinstance(expected, list | tuple):
        return bool(expected) and all(isinstance(item, float) for item in expected)
    return isinstance(expected, float)


def _close(form: Any, expected: Any, absolute: float) -> bool:
    """Like numpy.allclose, for a number or a flat list of numbers of the same type."""
    mark, items = compare.parts(form)
    if isinstance(expected, list | tuple):
        same_type = mark is list if isinstance(expected, list) else mark == "t"
        return (
            same_type
            and len(items) == len(expected)
            and all(
                _near(item, value, absolute) for item, value in zip(items, expected, strict=True)
            )
        )
    return type(form) is type(expected) and _near(form, expected, absolute)


def _near(form: Any, expected: Any, absolute: float) -> bool:
    answer = compare.number(form)
    if answer is None or not isinstance(expected, int | float | complex):
        return False
    if answer == expected:
        return True  # also for infinities
    return bool(abs(answer - expected) <= absolute + _RELATIVE * abs(expected))
