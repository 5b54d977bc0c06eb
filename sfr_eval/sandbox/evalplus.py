"""EvalPlus: a function called on many inputs, right is what the reference returns.

In mode `evalplus` answers are compared by its rules: floats with an absolute tolerance (1e-6 once a
float was expected, and for all later inputs of the task) and a relative one of 1e-7, and some
tasks by a rule of their own. In the other modes answers are compared by `==` alone.
"""

import marshal
import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from sfr_eval.sandbox import compare
from sfr_eval.sandbox.attempt import Attempt, answer_in_turn, new_job
from sfr_eval.sandbox.host import Host
from sfr_eval.sandbox.inside.plain import Other, decode, encode
from sfr_eval.sandbox.types import CallsProblem, Limits, Mode, Program, Verdict

_RELATIVE = 1e-7
_TOLERANCE = 1e-6
_ALL_SECONDS = 60.0
_INPUT_SECONDS = 4.0
_FACTOR = 4.0  # of the reference's own time

_SET_TASKS = {
    f"Mbpp/{number}" for number in (2, 7, 111, 140, 232, 249, 579, 769)
}  # the order of the answer is free
_MATCH_TASKS = {"check_str", "text_match_three", "text_starta_endb"}  # some match object, or None


@dataclass(frozen=True, slots=True)
class Reference:
    """What the reference returned for each input, and how long it took."""

    values: tuple[Any, ...]
    seconds: tuple[float, ...]


def run_calls(host: Host, program: Program, *, mode: Mode, limits: Limits) -> Verdict:
    """Grade one program against the reference, which is run first where it was not yet."""
    problem = program.problem
    assert isinstance(problem, CallsProblem)
    total = limits.seconds or _ALL_SECONDS
    attempt = Attempt(program, total)
    reference = _reference(host, problem, limits)
    if isinstance(reference, str):
        attempt.failed("not_scored", reference)
        return attempt.verdict(None)
    rule = _Rule(problem, plus=mode == "evalplus")
    checks = [
        _checker(rule, arguments, expected)
        for arguments, expected in zip(problem.inputs, reference.values, strict=True)
    ]
    job = new_job("asserts", program, replace(limits, seconds=total), setup="")
    session = host.open(job, _items(problem))

    def deadline(index: int) -> float:
        return time.monotonic() + max(_INPUT_SECONDS, _FACTOR * reference.seconds[index])

    answer_in_turn(attempt, session, checks, deadline=deadline)
    return attempt.verdict(session)


def _checker(
    rule: "_Rule", arguments: Sequence[Any], expected: Any
) -> Callable[[dict[str, Any]], bool]:
    return lambda reply: "v" in reply and rule.right(arguments, reply["v"], expected)


def _items(problem: CallsProblem) -> bytes:
    calls = [{"f": problem.function, "a": encode(tuple(inputs))} for inputs in problem.inputs]
    return marshal.dumps(calls)


def _reference(host: Host, problem: CallsProblem, limits: Limits) -> Reference | str:
    """The reference's answers (kept with the server), or why there are none."""
    key = (problem.id, problem.function, problem.reference, len(problem.inputs))
    if key not in host.references:
        host.references[key] = _observe(host, problem, limits)
    found: Reference | str = host.references[key]
    return found


def _observe(host: Host, problem: CallsProblem, limits: Limits) -> Reference | str:
    program = Program(id=problem.id, code=problem.reference, problem=problem)
    attempt = Attempt(program, _ALL_SECONDS)
    job = new_job("asserts", program, replace(limits, seconds=_ALL_SECONDS), setup="")
    session = host.open(job, _items(problem))
    forms: list[Any] = []

    def keep(reply: dict[str, Any]) -> bool:
        forms.append(reply.get("v"))
        return "v" in reply

    answer_in_turn(attempt, session, [keep] * len(problem.inputs), deadline=lambda _: math.inf)
    verdict = attempt.verdict(session)
    if not verdict.passed:
        return f"the reference of {problem.id} ended as {verdict.status}: {verdict.detail}"
    seconds = tuple(test.wall_seconds for test in verdict.tests)
    return Reference(tuple(decode(form) for form in forms), seconds)


class _Rule:
    """When is an answer right? Remembers the tolerance from input to input, as EvalPlus does."""

    def __init__(self, problem: CallsProblem, *, plus: bool) -> None:
        self._id, self._function = problem.id, problem.function
        self._plus, self._tolerance = plus, problem.tolerance

    def right(self, arguments: Sequence[Any], form: Any, expected: Any) -> bool:
        """Judge one answer."""
        try:
            if not self._plus:
                return compare.same(form, expected)
            return self._right(arguments, form, expected)
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
        equal = compare.same(form, expected)
        return equal or (self._tolerance != 0 and _close(form, expected, self._tolerance))

    def _special(self, arguments: Sequence[Any], form: Any, expected: Any) -> bool | None:
        """The tasks whose statement allows several answers; None: the usual rule decides."""
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
            answered = form if isinstance(form, bool) else form is not None
            wanted = expected if isinstance(expected, bool) else expected is not None
            return answered == wanted
        return None


def _digit_distance(first: int, second: int) -> int:
    one, two = str(first), str(second)
    width = max(len(one), len(two))
    pairs = zip(one.zfill(width), two.zfill(width), strict=True)
    return sum(abs(int(a) - int(b)) for a, b in pairs)


def _same_elements(form: Any, expected: Any) -> bool:
    """set(answer) == set(expected), without a table of hostile values."""
    items = form if isinstance(form, list) else next(iter(form.values()))
    wanted = set(expected)
    left = set(wanted)
    for item in items:
        key = compare.key(item)
        if key not in wanted:
            return False
        left.discard(key)
    return not left


def _all_floats(expected: Any) -> bool:
    if isinstance(expected, list | tuple):
        return bool(expected) and all(isinstance(item, float) for item in expected)
    return isinstance(expected, float)


def _close(form: Any, expected: Any, absolute: float) -> bool:
    """numpy.allclose for a number or a flat list of numbers of the same type."""
    if isinstance(expected, Other):
        return False
    if isinstance(expected, list | tuple):
        items = form if isinstance(form, list) else form.get("t")
        if isinstance(form, list) is not isinstance(expected, list) or items is None:
            return False
        return len(items) == len(expected) and all(
            _near(item, value, absolute) for item, value in zip(items, expected, strict=True)
        )
    same_type = isinstance(form, type(expected)) and isinstance(form, bool) is isinstance(
        expected, bool
    )
    return same_type and _near(form, expected, absolute)


def _near(form: Any, expected: Any, absolute: float) -> bool:
    answer = compare.number(form)
    if answer is None or not isinstance(expected, int | float | complex):
        return False
    if answer == expected:
        return True  # infinities too
    return bool(abs(answer - expected) <= absolute + _RELATIVE * abs(expected))
