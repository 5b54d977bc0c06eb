"""Whether an answer is right.

Answers are hostile: nothing in them is ever executed or unpickled. They may still be costly, as a
Fraction that has to be reduced is, so all of this runs in the checking process (checker.py).
"""

import json
import math
from collections.abc import Collection, Sequence
from decimal import Decimal, DecimalException
from typing import Any

from sfr_eval.sandbox.inside.plain import SCALARS, decode_scalar

MALFORMED = (TypeError, ValueError, LookupError, ArithmeticError, RecursionError, StopIteration)
"""What reading a form raises that no encoder of ours wrote."""


class Ambiguous(Exception):
    """The comparison itself fails in Python: an array of several elements, a signalling NaN."""


def texts_equal(answer: str, expected: str) -> bool:
    """LiveCodeBench's rule for printed answers. Both sides are stripped and split into lines, and
    each line is stripped. The number of lines must agree, and each pair of lines must be equal as
    text or, token by token, as decimal numbers. Raises Ambiguous when a token `sNaN` would have to
    be compared."""
    answer, expected = answer.strip(), expected.strip()
    if answer == expected:
        return True
    if answer.count("\n") != expected.count("\n"):
        return False
    for line, right in zip(answer.split("\n"), expected.split("\n"), strict=True):
        line, right = line.strip(), right.strip()
        if line != right and not _tokens_equal(line, right.split()):
            return False
    return True


def _tokens_equal(line: str, expected: Sequence[str]) -> bool:
    # One token more than expected shows that there are too many; a line may have millions.
    tokens = line.split(None, len(expected))
    return len(tokens) == len(expected) and _numbers_equal(tokens, expected)


def _numbers_equal(answer: Sequence[str], expected: Sequence[str]) -> bool:
    try:
        numbers = [Decimal(token) for token in answer]
        right = [Decimal(token) for token in expected]
    except DecimalException:
        return False
    try:
        return numbers == right
    except DecimalException:
        raise Ambiguous("signalling NaN") from None


def json_value(text: str) -> Any:
    """Return a JSON value, with integers of any length. Raises ValueError."""
    return json.loads(text, parse_int=_long_int)


def _long_int(digits: str) -> int:
    return int(digits) if len(digits) < 4000 else int(Decimal(digits))


def outputs_equal(form: Any, expected: Any) -> bool:
    """Python's `answer == expected` for an answer in the form that plain.py describes. An object
    that did not cross equals nothing. Raises Ambiguous where Python would raise."""
    try:
        return _equal(form, expected)
    except MALFORMED:
        return False


def parts(form: Any) -> tuple[object, Any]:
    """Return the mark and body of a form: (list, form) for a list, (None, value) for a scalar."""
    if isinstance(form, list):
        return list, form
    if not isinstance(form, dict):
        return None, form
    mark, body = next(iter(form.items()))
    return (None, decode_scalar(mark, body)) if mark in SCALARS else (mark, body)


def _equal(form: Any, expected: Any) -> bool:
    mark, body = parts(form)
    if mark is None:
        return bool(body == expected)
    if mark is list or mark == "t":
        kind = list if mark is list else tuple
        return isinstance(expected, kind) and _all_equal(body, expected)
    if mark in ("s", "z"):
        sets = isinstance(expected, set | frozenset) and len(body) == len(expected)
        return sets and same_elements(body, expected)
    if mark == "d":
        return isinstance(expected, dict) and _dicts_equal(body, expected)
    return mark == "a" and _arrays_equal(body, expected)


def _all_equal(forms: Sequence[Any], expected: Sequence[Any]) -> bool:
    return len(forms) == len(expected) and all(
        _equal(form, value) for form, value in zip(forms, expected, strict=True)
    )


def same_elements(forms: Sequence[Any], expected: Collection[Any]) -> bool:
    """Whether the distinct answers are the expected ones. Raises TypeError for unhashable ones."""
    missing = set(expected)
    for form in forms:
        answer = key(form)
        if answer not in expected:
            return False
        missing.discard(answer)
    return not missing


def _dicts_equal(pairs: Sequence[Any], expected: dict[Any, Any]) -> bool:
    if len(pairs) != len(expected):
        return False
    missing = set(expected)
    for form, value in pairs:
        answer = key(form)
        if answer not in expected or not _equal(value, expected[answer]):
            return False
        missing.discard(answer)
    return not missing


def key(form: Any) -> Any:
    """Return a hashable answer, which may only be looked up among expected ones."""
    mark, body = parts(form)
    if mark is None:
        return body
    if mark not in ("t", "z"):
        raise TypeError("unhashable")
    return (tuple if mark == "t" else frozenset)(key(item) for item in body)


def _arrays_equal(body: Any, expected: Any) -> bool:
    """NumPy's own ==, which compares element by element; several elements have no single truth."""
    import numpy

    equal = numpy.asarray(numpy.array(body) == expected)
    if equal.size > 1:
        raise Ambiguous("truth value of an array with several elements")
    return bool(equal.size) and bool(equal.reshape(-1)[0])


def truth(form: Any) -> bool | None:
    """Return bool(answer); None for an object that has no truth value."""
    mark, body = parts(form)
    return form.get("y") if mark == "o" else bool(body)


def number(form: Any) -> float | int | complex | None:
    """Return the answer if it is a number, else None."""
    mark, value = parts(form)
    if isinstance(value, Decimal):
        value = float(value)
    numeric = isinstance(value, int | float | complex) or hasattr(value, "numerator")
    return value if numeric and mark is None else None


def is_close(form: Any, expected: float, **tolerances: float) -> bool:
    """Return math.isclose with `rel_tol` and `abs_tol`; False for anything but a real number."""
    answer = number(form)
    if answer is None or isinstance(answer, complex):
        return False
    return math.isclose(answer, expected, **tolerances)
