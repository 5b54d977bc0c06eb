"""pytest tests/comparison/test_tables.py"""

from dataclasses import replace

import pytest

from sfr_eval.comparison.overview import metric_rows
from sfr_eval.comparison.tables import call_words, decimals, fixed, interval_text
from tests.support.comparison_data import comparison_of, difference


@pytest.mark.parametrize(
    ("half", "digits"), [(0.1, 2), (0.02, 2), (0.0099, 3), (3.0, 0), (0.000001, 4)]
)
def test_a_row_has_the_decimals_of_its_narrowest_interval(half: float, digits: int) -> None:
    rows = {"b": [difference(0.0, half=half)], "c": [difference(0.0, half=10.0)]}
    assert decimals(metric_rows(comparison_of(rows), "suite", 1.0)[0]) == digits


def test_a_called_row_never_shows_an_end_at_zero() -> None:
    rows = {"b": [difference(0.031, half=0.03, call="gain")]}
    (row,) = metric_rows(comparison_of(rows), "suite", 1.0)
    assert interval_text(row.rows[0], decimals(row)) == "[0.001, 0.061]"
    open_row = {"b": [difference(0.031, half=0.03)]}
    assert decimals(metric_rows(comparison_of(open_row), "suite", 1.0)[0]) == 2


def test_a_number_has_no_sign_if_it_is_zero() -> None:
    assert fixed(1.39e-17, 3, sign=True) == fixed(-1.39e-17, 3) == "0.000"
    assert fixed(0.25, 2, sign=True) == "+0.25"
    assert fixed(-0.25, 1) == "-0.2"
    assert fixed(None, 2) == "-"


def test_an_interval_without_width_is_left_out() -> None:
    assert interval_text(difference(0.0, half=0.0), 2) == ""
    assert interval_text(difference(0.0, low=None, high=None), 2) == ""


def test_words_are_short_and_only_of_the_primary_family() -> None:
    assert call_words(difference(0.0)) == "inconclusive"
    assert call_words(difference(0.0, call="equal", words="no difference beyond 0.05")) == (
        "no difference"
    )
    assert call_words(difference(0.5, role=None, call="exploratory", metric="length")) == ""
    missing = replace(difference(0.0), delta=None, call="not compared")
    assert call_words(missing) == "not compared"
