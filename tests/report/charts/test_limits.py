"""pytest tests/report/charts/test_limits.py"""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sfr_eval.report.charts.chart import Axis
from sfr_eval.report.charts.limits import clip, limits

SHARE = Axis(label="share", possible=(0.0, 1.0))
numbers = st.floats(-1e6, 1e6)


def test_a_share_of_one_ends_the_axis_at_one() -> None:
    low, high = limits([0.9, 1.0], SHARE)
    assert high == 1.0
    assert 0.88 < low < 0.9


def test_an_interval_beyond_the_possible_does_not_widen_the_axis() -> None:
    """Self-BLEU of .4 ± .645 at three questions."""
    assert limits([0.4, 0.4 - 0.645, 0.4 + 0.645], SHARE) == (0.0, 1.0)


def test_equal_numbers_have_room_around_them() -> None:
    low, high = limits([0.5, 0.5], SHARE)
    assert (low, high) == pytest.approx((0.45, 0.55))
    assert limits([1.0, 1.0], SHARE) == pytest.approx((0.9, 1.0))


@pytest.mark.parametrize("size", [1e-9, 1e-3, 1e6])
def test_without_an_end_the_size_of_numbers_does_not_matter(size: float) -> None:
    low, high = limits([size, 2 * size], Axis(label=""))
    assert (low / size, high / size) == pytest.approx((0.94, 2.06))


def test_zeros_have_room_around_them() -> None:
    low, high = limits([0.0, 0.0], Axis(label="", possible=(0.0, None)))
    assert low == 0.0 < high


def test_an_axis_of_nothing_is_from_0_to_1() -> None:
    low, high = limits([], Axis(label=""))
    assert low < 0 < 1 < high


def test_charts_may_share_their_limits() -> None:
    assert limits([7.0], Axis(label="", shown=(-2.0, 3.0))) == (-2.0, 3.0)


def test_a_log_axis_stays_above_0() -> None:
    low, high = limits([0.001, 1000.0], Axis(label="", log=True))
    assert 0 < low < 0.001 < 1000 < high


@given(st.lists(numbers, min_size=1), st.booleans())
def test_every_possible_number_is_inside(values: list[float], share: bool) -> None:
    axis = SHARE if share else Axis(label="")
    low, high = limits(values, axis)
    assert low < high
    assert all(low <= clip(value, axis) <= high for value in values)
    if share:
        assert low >= 0
        assert high <= 1
