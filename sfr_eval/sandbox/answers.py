"""The questions that the checking process answers: all that needs values of programs or data sets.

Both sides may be hostile: a data set may want 9**9**9, a program may return a Fraction whose gcd
takes hours, or text that fills the memory as a list. So none of this runs in the grader itself: see
checker.py. An answer of a program arrives as the bytes that it sent. Nothing in it is executed or
unpickled.
"""

import json
from collections.abc import Callable, Sequence
from typing import Any

from sfr_eval.sandbox import compare
from sfr_eval.sandbox.evalplus_rules import all_floats, answer_is_right
from sfr_eval.sandbox.inside.plain import decode
from sfr_eval.sandbox.split import Plan, plan_asserts, plan_humaneval
from sfr_eval.sandbox.types import AssertsProblem, HumanEvalProblem, Outcome

_MALFORMED = "malformed answer"

Fields = Sequence[Any]
"""("asserts", asserts, setup) or ("humaneval", entry point, test)."""


def plan(fields: Fields) -> dict[str, Any]:
    """Return how a problem made of asserts is tested, and what is wrong with it, if anything."""
    split = _plan(fields)
    tests = [[item.inside, item.check is not None, item.right] for item in split.items]
    return {"setup": split.setup, "tests": tests, "flaw": split.flaw, "sure": split.sure}


def asserted(fields: Fields, place: int, body: bytes) -> Outcome:
    """Judge the reply to one test of a plan."""
    reply = _parse(body)
    if "e" in reply:
        return failure(body)
    check = _plan(fields).items[place].check
    if check is None or "v" not in reply:  # the right token would not be asked about
        return "wrong", ""
    return _outcome(lambda: check(reply["v"]))


def called(expected: bytes, body: bytes) -> Outcome:
    """Judge the reply to one call by equality with the reference's reply."""
    reply = _parse(body)
    if "v" not in reply:
        return failure(body)
    right = decode(_parse(expected)["v"])
    return _outcome(lambda: compare.outputs_equal(reply["v"], right))


def called_by_rule(
    rule: tuple[str, str, float], arguments: Any, expected: bytes, body: bytes
) -> tuple[str, str, float]:
    """Judge the reply to one call by EvalPlus's rules. `rule` is (task, function, tolerance),
    `arguments` are in the form that plain.py describes. Returns status, detail and the tolerance
    for later inputs."""
    task, function, tolerance = rule
    reply = _parse(body)
    if "v" not in reply:
        return *failure(body), tolerance
    right = decode(_parse(expected)["v"])

    def check() -> bool:
        nonlocal tolerance
        correct, tolerance = answer_is_right(
            reply["v"], right, decode(arguments), task=task, function=function, tolerance=tolerance
        )
        return correct

    return *_outcome(check), tolerance


def first_float(*bodies: bytes) -> int:
    """Return the place of the first of the reference's replies made of floats; -1 if none is."""
    for place, body in enumerate(bodies):
        if all_floats(decode(_parse(body).get("v"))):
            return place
    return -1


def are_json(texts: Sequence[str]) -> bool:
    """Whether each text is one JSON value."""
    try:
        for text in texts:
            compare.json_value(text)
    except (ValueError, RecursionError):
        return False
    return True


def printed(expected: str, output: bytes) -> Outcome:
    """Judge what a program wrote to standard output."""
    text = output.decode("utf-8", "replace")
    return _outcome(lambda: compare.texts_equal(text, expected), ambiguous="wrong")


def captured(expected: str, body: bytes) -> Outcome:
    """Judge the reply of LiveCodeBench's grader for a program that prints."""
    reply = _parse(body)
    if "out" not in reply:
        return failure(body)
    return _outcome(lambda: compare.texts_equal(str(reply["out"]), expected))


def returned(expected: str, body: bytes) -> Outcome:
    """Judge the reply to one call of a functional problem."""
    reply = _parse(body)
    if "v" not in reply:
        return failure(body)
    form = reply["v"]
    if isinstance(form, dict) and "t" in form:  # LiveCodeBench turns an outer tuple into a list
        form = form["t"]
    try:
        right = compare.json_value(expected)
    except (ValueError, RecursionError) as error:
        return "runtime_error", f"the test itself is not JSON: {error}"
    return _outcome(lambda: compare.outputs_equal(form, right))


def failure(body: bytes) -> Outcome:
    """Return status and detail of a reply that names an exception."""
    reply = _parse(body)
    name = str(reply.get("e", _MALFORMED))[:300]
    if reply.get("timeout"):
        return "time_limit", name
    if name == "AssertionError":
        return "wrong", name
    return ("memory" if name == "MemoryError" else "runtime_error"), name


def _plan(fields: Fields) -> Plan:
    kind, first, second = fields
    if kind == "humaneval":
        return plan_humaneval(HumanEvalProblem(id="", entry_point=first, test=second))
    return plan_asserts(AssertsProblem(id="", asserts=tuple(first), setup=second))


def _outcome(check: Callable[[], bool], *, ambiguous: Any = "runtime_error") -> Outcome:
    try:
        return ("passed" if check() else "wrong"), ""
    except compare.Ambiguous as error:
        return ambiguous, str(error)
    except compare.MALFORMED:
        return "wrong", ""


def _parse(body: bytes) -> dict[str, Any]:
    """Return a reply; anything malformed counts as an error of the program."""
    try:
        reply = json.loads(body)
    except compare.MALFORMED:
        return {"e": _MALFORMED}
    return reply if isinstance(reply, dict) else {"e": _MALFORMED}


QUESTIONS: dict[str, Callable[..., Any]] = {
    question.__name__: question
    for question in (
        plan, asserted, called, called_by_rule, first_float, are_json, printed, captured, returned,
        failure,
    )
}  # fmt: skip
