"""pytest tests/report/test_numbers.py"""

import re
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sfr_eval.report.numbers import Interval, bounds, number, p_text
from tests.support.report_data import estimate


def rounded(value: float | None, half: float | None) -> str:
    return Interval.of(estimate("length", value, half)).rounded()


def test_digits_follow_the_width_of_the_interval() -> None:
    assert rounded(0.4567, 0.031) == "0.46 ± 0.03"
    assert rounded(38.12, 2.6) == "38 ± 3"
    assert Interval.of(estimate("length", 0.574, 0.031)).percent() == "57 ± 3 %"
    assert rounded(0.37123, 0.0004) == "0.3712 ± 0.0004"
    lopsided = replace(estimate("length", 0.5), low=0.48, high=0.6)
    assert Interval.of(lopsided).rounded() == "0.50 [0.48, 0.60]"


def few(value: float, half: float, queries: int = 2) -> Interval:
    return Interval(value, value - half, value + half, queries)


def test_few_queries_are_not_rounded_into_falsehood() -> None:
    # Two queries of a persona table, which said `1 ± 3`, `1 ± 3` and `25 ± 0 %`.
    assert few(0.571, 2.9).rounded() == "0.57 [-2.33, 3.47] (2 queries)"
    assert few(0.571, 2.9).percent() == "57 [0, 100] % (2 queries)"
    assert few(0.75, 3.2).rounded(without="") == "0.75 [-2.45, 3.95]"
    assert few(0.25, 0.0).percent() == "25 % (the same in all 2 queries)"
    assert few(0.25, 0.0, queries=1).percent() == "25 % (1 query)"
    assert few(0.25, 0.0).rounded(without="") == "0.25"
    assert few(0.5, 0.1, queries=4).rounded() == "0.50 ± 0.10 (4 queries)"
    assert few(0.5, 0.1, queries=5).rounded() == "0.50 ± 0.10"
    assert Interval(4.0, 4.0, 4.0).rounded() == "4.0 (no spread)"
    assert rounded(4.0, 0.0) == "4.0 (the same in all 5 queries)"


@pytest.mark.parametrize(
    ("value", "half"), [(0.99, 0.03), (0.004, 0.02), (1.0, 0.012), (0.8855, 0.1165)]
)
def test_a_share_has_no_end_outside_0_to_100(value: float, half: float) -> None:
    text = few(value, half, queries=20).percent()
    assert "±" not in text
    assert all(0 <= float(number) <= 100 for number in NUMBER.findall(text))


def test_the_range_of_a_metric_bounds_its_interval() -> None:
    wide = replace(estimate("style_accuracy", 0.571, 2.9), n=2)
    assert Interval.of(wide).rounded() == "0.57 [0.00, 1.00] (2 queries)"
    assert Interval.of(replace(wide, metric="length")).rounded().startswith("0.57 [0.00, 3.47]")
    assert Interval.of(replace(wide, metric="reward")).rounded().startswith("0.57 [-2.33, 3.47]")
    near = replace(estimate("style_accuracy", 0.8855, 0.1165), n=20)
    assert Interval.of(near).rounded(without="") == "0.89 [0.77, 1.00]"
    assert Interval(0.1, -0.02, 0.4).rounded(without="") == "0.1 [0.0, 0.4]"  # no minus of a zero


NUMBER = re.compile(r"-?\d+(?:\.\d+)?")


@settings(max_examples=500, deadline=None)
@given(
    st.floats(-50, 50),
    st.floats(1e-6, 100),
    st.floats(1e-6, 100),
    st.integers(2, 200),
    st.sampled_from(["", " (no interval)"]),
)
def test_rounding_never_changes_what_is_said(
    value: float, below: float, above: float, queries: int, without: str
) -> None:
    interval = Interval(value, value - below, value + above, queries)
    text = interval.rounded(without=without)
    shown, *ends = (float(number) for number in NUMBER.findall(text.split(" (")[0]))
    half = (below + above) / 2
    assert abs(shown - value) <= max(0.05 * abs(value), 0.005 * half) + 1e-9
    assert abs(shown - value) <= 0.25 * half + 1e-9
    if "±" in text:
        assert ends == [pytest.approx(half, rel=0.26)]
        assert half <= abs(value)
    else:
        assert ends == pytest.approx([value - below, value + above], abs=0.26 * half)
    assert ("quer" in text) == (queries < 5 and bool(without))


@settings(max_examples=300, deadline=None)
@given(st.floats(0, 1), st.floats(0, 3), st.floats(0, 3), st.integers(1, 50))
def test_percent_stays_within_0_to_100(
    value: float, below: float, above: float, queries: int
) -> None:
    text = Interval(value, value - below, value + above, queries).percent().split(" (")[0]
    numbers = [float(number) for number in NUMBER.findall(text)]
    assert all(0 <= number <= 100 for number in numbers)
    if "±" in text:
        shown, half = numbers
        assert shown - half >= 0
        assert shown + half <= 100


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
