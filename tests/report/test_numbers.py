"""pytest tests/report/test_numbers.py"""

from dataclasses import replace

import pytest

from sfr_eval.report.numbers import Interval, bounds, number, p_text
from tests.support.report_data import estimate


def rounded(value: float | None, half: float | None) -> str:
    return Interval.of(estimate("length", value, half)).rounded()


def test_digits_follow_the_width_of_the_interval() -> None:
    assert rounded(0.4567, 0.031) == "0.46 ± 0.03"
    assert rounded(38.12, 2.6) == "38 ± 3"
    assert Interval.of(estimate("length", 0.574, 0.031)).percent() == "57 ± 3 %"
    assert rounded(4.0, 0.0) == "4.0 ± 0.0"
    lopsided = replace(estimate("length", 0.5), low=0.48, high=0.6)
    assert Interval.of(lopsided).rounded() == "0.50 [0.48, 0.60]"


def test_a_missing_interval_or_value_is_said() -> None:
    assert rounded(0.5, None) == "0.50 (no interval)"
    assert Interval(0.5).rounded(without="") == "0.50"
    assert rounded(None, None) == "undefined"
    assert Interval.of(None).text() == Interval(None).text("+.3g") == number(None) == "-"
    assert Interval(0.371).text() == "0.371"


def test_the_sign_is_that_of_the_value_alone() -> None:
    row = {"value": 0.0432, "low": 0.02, "high": 0.0666, "method": "t"}
    assert Interval.of(row).text("+.3g") == "+0.0432 [0.02, 0.0666]"
    assert Interval.of(row).text("+.2f", ends="+.2f") == "+0.04 [+0.02, +0.07]"
    assert Interval.of(row).text(".2f") == "0.04 [0.02, 0.07]"


def test_p_values_have_three_decimals() -> None:
    assert [p_text(p) for p in (None, 0.0004, 0.0312, 1.0)] == ["-", "<.001", "0.031", "1.000"]


def test_without_an_interval_the_value_alone_is_drawn() -> None:
    assert bounds(estimate("length", 0.5, None)) == (0.5, 0.5, 0.5)
    assert bounds(estimate("length", 0.5, 0.25)) == (0.5, 0.25, 0.75)
    with pytest.raises(ValueError, match="length: undefined"):
        bounds(estimate("length", None))
