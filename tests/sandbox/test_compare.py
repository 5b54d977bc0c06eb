"""pytest tests/sandbox/test_compare.py -- which answers are right; runs no program."""

import json
from collections import Counter, OrderedDict, deque
from decimal import Decimal
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sfr_eval.sandbox.compare import Ambiguous, json_value, outputs_equal, texts_equal
from sfr_eval.sandbox.inside.plain import decode, encode

EQUAL = ["1  2|1 2", "1.0|1", "1e3|1000", "1_000|1000", "+007|7", "inf|Infinity", "nan|nan",
         "a\n\n|a", " a \nb|a\nb", "\u0661|1", "a  b|a  b"]  # fmt: skip
DIFFERENT = ["a  b|a b", "x 1.0|x 1", "0x10|16", "nan|NaN", "0.3333333|0.33333334", "a|A",
             "a\n\nb|a\nb", "1 2|1", "|0"]  # fmt: skip


@pytest.mark.parametrize("pair", EQUAL)
def test_texts_that_are_equal(pair: str) -> None:
    assert texts_equal(*pair.split("|"))


@pytest.mark.parametrize("pair", DIFFERENT)
def test_texts_that_differ(pair: str) -> None:
    assert not texts_equal(*pair.split("|"))


def test_a_signalling_nan_cannot_be_compared() -> None:
    with pytest.raises(Ambiguous):
        texts_equal("sNaN", "1")


scalars = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.integers(min_value=-(10**3000), max_value=10**3000)
    | st.floats(allow_nan=False)
    | st.text(max_size=5)
    | st.binary(max_size=5)
    | st.complex_numbers(allow_nan=False)
    | st.fractions()
)
values = st.recursive(
    scalars,
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.lists(inner, max_size=4).map(tuple)
        | st.dictionaries(scalars, inner, max_size=4)
        | st.sets(scalars, max_size=4)
        | st.frozensets(scalars, max_size=4)
    ),
    max_leaves=12,
)


def crossed(value: Any) -> Any:
    return json.loads(json.dumps(encode(value)))


@given(values)
def test_plain_data_crosses_the_border_unchanged(value: Any) -> None:
    again = decode(crossed(value))
    assert again == value
    assert type(again) is type(value)
    assert outputs_equal(crossed(value), value)


@given(values, values)
def test_outputs_equal_is_the_equality_of_python(one: Any, two: Any) -> None:
    assert outputs_equal(crossed(one), two) == (one == two)


class AlwaysEqual(int):
    def __eq__(self, other: object) -> bool:
        return True

    __hash__ = int.__hash__


@pytest.mark.parametrize(
    ("answer", "expected", "right"),
    [
        (Counter("aab"), {"a": 2, "b": 1}, True),
        (OrderedDict(a=1), {"a": 1}, True),
        (deque([1]), [1], False),
        (range(2), [0, 1], False),
        ((1, 2), [1, 2], False),
        (Decimal("2"), 2, True),
        (Fraction(1, 2), 0.5, True),
        (np.int64(2), 2, True),
        (np.array([2]), [2], True),
        (AlwaysEqual(1), 2, False),
        ([AlwaysEqual(1)], [2], False),
        (object(), None, False),
        (True, 1, True),
        (-0.0, 0, True),
        (float("nan"), float("nan"), False),
    ],
)
def test_values_of_other_types(answer: Any, expected: Any, right: bool) -> None:
    assert outputs_equal(crossed(answer), expected) is right


def test_an_array_of_several_elements_has_no_truth_value() -> None:
    with pytest.raises(Ambiguous):
        outputs_equal(crossed(np.array([1, 2])), [1, 2])


@pytest.mark.parametrize(
    "form", [{}, {"t": 5}, {"q": [1, 0]}, {"i": "z"}, {"s": [[1]]}, {"d": [[1]]}, {"m": "x"}]
)
def test_forged_forms_are_wrong(form: Any) -> None:
    for expected in (1, [1], (1,), {1}, {1: 1}, None):
        assert outputs_equal(form, expected) is False


def test_a_set_with_repeated_elements_is_not_the_set() -> None:
    assert not outputs_equal({"s": [1, 1]}, {1, 2})
    assert not outputs_equal({"d": [[1, 1], [1, 1]]}, {1: 1, 2: 2})


def test_long_integers_are_read_whatever_their_length() -> None:
    assert json_value("1" + "0" * 6000) == 10**6000
