"""EvalPlus's rules for right answers, which allow for rounding and for several right answers.

One is left out: it takes any answer to Mbpp/164, which is not in the releases that we read.
"""

import math
from collections.abc import Sequence
from typing import Any

from sfr_eval.sandbox import compare

TOLERANCE = 1e-6
_RELATIVE = 1e-7

_SET_TASKS = {
    f"Mbpp/{number}" for number in (2, 7, 111, 140, 232, 249, 579, 769)
}  # the order of the answer is free
_MATCH_TASKS = {"check_str", "text_match_three", "text_starta_endb"}  # any match object, or None
READS_ARGUMENTS = {"HumanEval/32", "Mbpp/558", "Mbpp/581"}
"""Tasks whose rule computes with the arguments."""
ROOT_TASK = "HumanEval/32"
"""Any root of the polynomial is right, the reference's only if it is one."""


def answer_is_right(
    form: Any,
    expected: Any,
    arguments: Sequence[Any],
    *,
    task: str,
    function: str,
    tolerance: float,
) -> tuple[bool, float]:
    """Return whether an answer, in the form that plain.py describes, is right, and the tolerance
    for later inputs. Raises one of compare.MALFORMED for a form that no encoder of ours wrote."""
    if task == ROOT_TASK:
        return _is_root(form, arguments[0], tolerance), tolerance
    if task.startswith("Mbpp/"):
        special = _special(
            form, expected, arguments, task=task, function=function, tolerance=tolerance
        )
        if special is not None:
            return special, tolerance
    if tolerance == 0 and all_floats(expected):
        tolerance = TOLERANCE
    equal = compare.outputs_equal(form, expected)
    return equal or (tolerance != 0 and _close(form, expected, tolerance)), tolerance


def _is_root(form: Any, coefficients: Sequence[Any], tolerance: float) -> bool:
    root = compare.number(form)
    if root is None:
        return False
    total = sum(c * root**power for power, c in enumerate(coefficients))
    return bool(abs(total) <= tolerance)


def _special(
    form: Any,
    expected: Any,
    arguments: Sequence[Any],
    *,
    task: str,
    function: str,
    tolerance: float,
) -> bool | None:
    """Apply the rule of a task that allows several answers; None if the usual rule decides."""
    if task == "Mbpp/295" and compare.number(form) == 0:
        return True
    if task == "Mbpp/581":
        base, height = arguments
        area = base**2 + 2 * base * math.sqrt((base / 2) ** 2 + height**2)
        answer = compare.number(form)
        if answer is not None and abs(answer - area) <= tolerance:
            return True
    if task == "Mbpp/558":
        return True if compare.number(form) == _digit_distance(*arguments) else None
    if task in _SET_TASKS:
        return _same_elements(form, expected)
    if function in _MATCH_TASKS:
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
    mark, items = compare.parts(form)
    if mark == "d":
        items = [key for key, _ in items]
    return isinstance(items, list) and compare.same_elements(items, set(expected))


def all_floats(expected: Any) -> bool:
    """Whether an answer of the reference is a float or a list or tuple of them."""
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
