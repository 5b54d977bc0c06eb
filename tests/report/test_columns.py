import pytest
from hypothesis import given
from hypothesis import strategies as st

from sfr_eval.report.columns import aligned
from sfr_eval.report.numbers import Interval


def texts(*column: Interval, signed: bool = False) -> list[str]:
    return [number.text for number in aligned(column, signed=signed)]


def test_a_column_has_one_number_of_decimals() -> None:
    # The half-widths .019, .2 and .02 warrant 3, 1 and 2 decimals; the middle one decides.
    column = Interval(0.31, 0.291, 0.329), Interval(0.4, 0.2, 0.6), Interval(0.5, 0.48, 0.52)
    assert texts(*column) == ["0.31 ± 0.02", "0.40 ± 0.20", "0.50 ± 0.02"]


def test_a_narrow_interval_gets_one_decimal_more_and_no_zero() -> None:
    wide = [Interval(5.0, 3.0, 7.0)] * 3
    assert texts(*wide, Interval(5.0, 4.97, 5.03))[-1] == "5.0 ± <0.1"
    assert texts(*wide, Interval(5.0, 4.8, 5.2))[0] == "5.0 ± 2.0"


def test_rounding_errors_are_zero_without_a_sign() -> None:
    column = Interval(1.39e-17, -0.02, 0.02), Interval(-2.28e-05, -0.02, 0.02)
    assert texts(*column, signed=True) == ["0.00 ± 0.02", "0.00 ± 0.02"]


def test_a_lopsided_interval_is_written_out() -> None:
    assert texts(Interval(0.5, 0.1, 0.6)) == ["0.5 [0.1, 0.6]"]
    share = Interval(1.0, 0.63, 1.0, possible=(0.0, 1.0))
    assert texts(share) == ["1.00 [0.63, 1.00]"]


@pytest.mark.parametrize(
    ("cell", "text"),
    [(Interval(None), "-"), (Interval(37.2), "37"), (Interval(0.0), "0.0")],
)
def test_what_has_no_value_or_no_interval(cell: Interval, text: str) -> None:
    assert texts(cell) == [text]


@given(
    st.lists(
        st.tuples(st.floats(-1e3, 1e3), st.floats(1e-6, 1e2), st.floats(1e-6, 1e2)).map(
            lambda v: Interval(v[0], v[0] - v[1], v[0] + v[2])
        ),
        min_size=1,
        max_size=8,
    )
)
def test_points_line_up_and_values_are_those_of_the_cells(column: list[Interval]) -> None:
    numbers = aligned(column)
    decimals = {len(number.value.partition(".")[2]) for number in numbers}
    assert len(decimals) == 1
    step = 0.5 * 10.0 ** -decimals.pop()
    for cell, number in zip(column, numbers, strict=True):
        assert cell.value is not None
        assert abs(float(number.value) - cell.value) <= step * 1.001
        assert number.value != "-0"
