"""Is an answer right? The expected side is trusted, the answer is hostile: nothing of it is ever
executed, hashed into a table of its own, or unpickled."""

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
    """The comparison itself fails in Python (array of several truths, signalling NaN)."""


def texts_equal(answer: str, expected: str) -> bool:
    """LiveCodeBench's rule for printed answers: strip, split at line ends, strip the lines; as many
    lines; each equal as text, or both sides tokens that Decimal takes and equal as numbers.

    Raises Ambiguous for a token `sNaN` that would have to be compared.
    """
    answer, expected = answer.strip(), expected.strip()
    if answer == expected:
        return True
    if answer.count("\n") != expected.count("\n"):
        return False
    for got, right in zip(answer.split("\n"), expected.split("\n"), strict=True):
        got, right = got.strip(), right.strip()
        if got != right and not _numbers_equal(got.split(), right.split()):
            return False
    return True


def _numbers_equal(got: Sequence[str], right: Sequence[str]) -> bool:
    try:
        left_side = [Decimal(token) for token in got]
        right_side = [Decimal(token) for token in right]
    except DecimalException:
        return False
    try:
        return left_side == right_side
    except DecimalException:
        raise Ambiguous("signalling NaN") from None


def json_values(text: str) -> list[Any]:
    """One JSON value a line; raises ValueError. Long integers are read whatever their length."""
    return [json_value(line) for line in text.split("\n")]


def json_value(text: str) -> Any:
    """A JSON value; raises ValueError."""
    return json.loads(text, parse_int=_long_int)


def _long_int(digits: str) -> int:
    return int(digits) if len(digits) < 4000 else int(Decimal(digits))


def same(form: Any, expected: Any) -> bool:
    """Python's `answer == expected` for an answer in the form of plain.py.

    Objects that did not cross are equal to nothing. Raises Ambiguous where Python would raise.
    """
    try:
        return _same(form, expected)
    except MALFORMED:
        return False  # no encoder of ours writes this


def _same(form: Any, expected: Any) -> bool:
    if isinstance(form, list):
        return isinstance(expected, list) and _all_same(form, expected)
    if not isinstance(form, dict):
        return bool(form == expected)
    mark, body = next(iter(form.items()))
    if mark in SCALARS:
        return bool(decode_scalar(mark, body) == expected)
    if mark == "t":
        return isinstance(expected, tuple) and _all_same(body, expected)
    if mark in ("s", "z"):
        return isinstance(expected, set | frozenset) and _same_set(body, expected)
    if mark == "d":
        return isinstance(expected, dict) and _same_dict(body, expected)
    if mark == "a":
        return _same_array(body, expected)
    return False


def _all_same(forms: Sequence[Any], expected: Sequence[Any]) -> bool:
    return len(forms) == len(expected) and all(
        _same(form, value) for form, value in zip(forms, expected, strict=True)
    )


def _same_set(forms: Sequence[Any], expected: set[Any] | frozenset[Any]) -> bool:
    """As many, and each expected one found. The sets of tests are small."""
    if len(forms) != len(expected):
        return False
    keys = dict.fromkeys(expected, False)
    for form in forms:
        answer = key(form)
        if answer not in keys:
            return False
        keys[answer] = True
    return all(keys.values())


def _same_dict(pairs: Sequence[Any], expected: dict[Any, Any]) -> bool:
    if len(pairs) != len(expected):
        return False
    found = set()
    for form, value in pairs:
        answer = key(form)
        if answer not in expected or not _same(value, expected[answer]):
            return False
        found.add(answer)
    return len(found) == len(expected)


def key(form: Any) -> Any:
    """A hashable answer, only to be looked up among expected ones."""
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


def _same_array(body: Any, expected: Any) -> bool:
    """NumPy's own ==: one truth an element, and an array of several has no single truth."""
    import numpy

    equal = numpy.asarray(numpy.array(body) == expected)
    if equal.size > 1:
        raise Ambiguous("truth of an array of several elements")
    return bool(equal.size) and bool(equal.reshape(-1)[0])


def truth(form: Any) -> bool | None:
    """bool(answer); None when its object has none."""
    if isinstance(form, dict):
        mark, body = next(iter(form.items()))
        if mark == "o":
            return form.get("y")
        return bool(decode_scalar(mark, body)) if mark in SCALARS else bool(body)
    return bool(form)


def number(form: Any) -> float | int | complex | None:
    """The answer if it is a number."""
    if isinstance(form, dict):
        mark, body = next(iter(form.items()))
        value = decode_scalar(mark, body) if mark in SCALARS else None
    else:
        value = form
    if isinstance(value, Decimal):
        value = float(value)
    return (
        value if isinstance(value, int | float | complex) or hasattr(value, "numerator") else None
    )


def is_close(form: Any, expected: float, *, relative: float, absolute: float) -> bool:
    """math.isclose; False for what is no real number."""
    value = number(form)
    if value is None or isinstance(value, complex):
        return False
    return math.isclose(value, expected, rel_tol=relative, abs_tol=absolute)
