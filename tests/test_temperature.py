"""pytest tests/test_temperature.py"""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sfr_eval.temperature import checked_temperatures, parse_temperatures


@pytest.mark.parametrize(
    ("text", "temperatures"),
    [
        # The paper's eight. Adding 0.2 seven times gives 1.5999999999999999 and 0.6000000000000001.
        ("0.2:1.6:0.2", (0.2, 0.4, 0.6, 0.8, 1.0, 1.2, 1.4, 1.6)),
        ("0.1:0.3:0.1", (0.1, 0.2, 0.3)),  # 0.1 + 0.1 + 0.1 > 0.3 in floats: the end is still in
        ("0:1:0.25", (0.0, 0.25, 0.5, 0.75, 1.0)),
        ("0.5:1:0.3", (0.5, 0.8)),  # an end between two steps is out
        ("1:1:0.1", (1.0,)),
        ("0.6,1.0", (0.6, 1.0)),
        ("1.0, 0.6 ,", (1.0, 0.6)),
        (".7", (0.7,)),
        ("", ()),
    ],
)
def test_lists_and_ranges_of_temperatures(text: str, temperatures: tuple[float, ...]) -> None:
    assert parse_temperatures(text) == temperatures


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("1.6:0.2:0.2", "is empty"),
        ("0.2:1.6:0", "is empty"),
        ("0.2:1.6:-0.2", "is empty"),
        ("nan:1:0.1", "not finite"),
        ("0:inf:0.1", "not finite"),
        ("0:1:nan", "not finite"),
        ("0:2:0.01", "too many temperatures; at most 64"),
        ("0:2:1e-300", "too many"),
        ("0:2:5e-324", "too many"),  # 2 / 5e-324 is infinite
        ("0.2:1.6", "neither a list"),
        ("0.2:1.6:0.2:0.2", "neither a list"),
        ("0.2-1.6", "neither a list"),
        ("hot", "neither a list"),
        ("0,5;1,0", "neither a list"),
    ],
)
def test_a_bad_range_says_what_is_wrong(text: str, says: str) -> None:
    with pytest.raises(ValueError, match=says):
        parse_temperatures(text)


def test_64_temperatures_are_the_most() -> None:
    assert len(parse_temperatures("0.01:0.64:0.01")) == 64
    with pytest.raises(ValueError, match="at most 64"):
        parse_temperatures("0.01:0.65:0.01")


@given(start=st.integers(0, 20), count=st.integers(1, 20), step=st.sampled_from([1, 2, 5, 10, 25]))
def test_a_range_holds_the_decimal_numbers_that_were_meant(
    start: int, count: int, step: int
) -> None:
    stop = start + step * (count - 1)
    wanted = tuple(float(f"{n / 100:.2f}") for n in range(start, stop + 1, step))
    assert parse_temperatures(f"{start / 100}:{stop / 100}:{step / 100}") == wanted


def test_more_temperatures_than_are_sampled_are_refused() -> None:
    with pytest.raises(ValueError, match="names 65 temperatures; at most 64"):
        checked_temperatures([1.0] * 65)
