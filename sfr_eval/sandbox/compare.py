"""Whether an answer is right.

The expected side is trusted, the answer is hostile: nothing in it is ever executed, unpickled or
hashed into a table of its own.
"""

import json
import math
from collections.abc import Sequence
from decimal import Decimal, DecimalException
from typing import Any

from sfr_eval.sandbox.inside.plain import SCALARS, decode_scalar

MALFORMED = (
    TypeError,
    ValueError,
    LookupError,
    ArithmeticError,
    RecursionError,
    StopIteration,
)


class Ambiguous(Exception):
    """The comparison itself fails in Python: an array of several elements, a signalling NaN."""


def texts_equal(answer: str, expected: str) -> bool:
    """LiveCodeBench's rule for printed answers.

    Both sides are stripped and split into lines, and each line is stripped. The number of lines
    must agree, and each pair of lines must be equal as text or, token by token, as decimal numbers.
    Raises Ambiguous when a token `sNaN` would have to be compared.
    """
    answer, expected = answer.strip(), expected.strip()
    if answer == expected:
        return True
    if answer.count("\n") != expected.count("\n"):
        return False
    for line, right in zip(answer.split("\n"), expected.split("\n"), strict=True):
        line, right = line.strip(), right.strip()
        if line != right and not _numbers_equal(line.split(), right.split()):
            return False
    return True


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


def json_values(text: str) -> list[Any]:
    """Returns one JSON value per line, integers of any length included. Raises ValueError."""
    return [json_value(line) for line in text.split("\n")]


def json_value(text: str) -> Any:
    """Returns a JSON value. Raises ValueError."""
    return json.loads(text, parse_int=_long_int)


def _long_int(digits: str) -> int:
    return int(digits) if len(digits) < 4000 else int(Decimal(digits))


def outputs_equal(form: Any, expected: Any) -> bool:
    """Python's `answer == expected` for an answer in the form that plain.py describes.

    An object that did not cross equals nothing. Raises Ambiguous where Python would raise.
    """
    try:
        return _equal(form, expected)
    except MALFORMED:
        return False  # no encoder of ours writes this


def _equal(form: Any, expected: Any) -> bool:
    if isinstance(form, list):
        return isinstance(expected, list) and _all_equal(form, expected)
    if not isinstance(form, dict):
        return bool(form == expected)
    mark, body = next(iter(form.items()))
    if mark in SCALARS:
        return bool(decode_scalar(mark, body) == expected)
    if mark == "t":
        return isinstance(expected, tuple) and _all_equal(body, expected)
    if mark in ("s", "z"):
        return isinstance(expected, set | frozenset) and _sets_equal(body, expected)
    if mark == "d":
        return isinstance(expected, dict) and _dicts_equal(body, expected)
    if mark == "a":
        return _arrays_equal(body, expected)
    return False


def _all_equal(forms: Sequence[Any], expected: Sequence[Any]) -> bool:
    return len(forms) == len(expected) and all(
        _equal(form, value) for form, value in zip(forms, expected, strict=True)
    )


def _sets_equal(forms: Sequence[Any], expected: set[Any] | frozenset[Any]) -> bool:
    """The sizes agree and every expected element is there. The sets in tests are small."""
    if len(forms) != len(expected):
        return False
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
    """Returns a hashable answer, which may only be looked up among expected ones."""
    if isinstance(form, list):
        raise TypeError("unhashable")
    if not isinstance(form, dict):
        return form
    mark, body = next(iter(form.items()))
    if mark == "t":
        return tuple(key(item) for item in body)
    if mark == "z":
        return frozenset(key(item) for item in body)
    if mark in SCALARS:
        return decode_scalar(mark, body)
    raise TypeError("unhashable")


def _arrays_equal(body: Any, expected: Any) -> bool:
    """NumPy's own ==, which compares element by element; several elements have no single truth."""
    import numpy

    equal = numpy.asarray(numpy.array(body) == expected)
    if equal.size > 1:
        raise Ambiguous("truth value of an array with several elements")
    return bool(equal.size) and bool(equal.reshape(-1)[0])


def truth(form: Any) -> bool | None:
    """Returns bool(answer); None for an object that has no truth value."""
    if isinstance(form, dict):
        mark, body = next(iter(form.items()))
        if mark == "o":
            return form.get("y")
        return bool(decode_scalar(mark, body)) if mark in SCALARS else bool(body)
    return bool(form)


def number(form: Any) -> float | int | complex | None:
    """Returns the answer if it is a number, else None."""
    value = form
    if isinstance(form, dict):
        mark, body = next(iter(form.items()))
        value = decode_scalar(mark, body) if mark in SCALARS else None
    if isinstance(value, Decimal):
        value = float(value)
    numeric = isinstance(value, int | float | complex) or hasattr(value, "numerator")
    return value if numeric else None


def is_close(form: Any, expected: float, *, relative: float, absolute: float) -> bool:
    """Returns math.isclose; False for anything but a real number."""
    value = number(form)
    if value is None or isinstance(value, complex):
        return False
    return math.isclose(value, expected, rel_tol=relative, abs_tol=absolute)
