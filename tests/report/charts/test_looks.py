"""pytest tests/report/charts/test_looks.py"""

from sfr_eval.report.charts.chart import Series
from sfr_eval.report.charts.looks import (
    COLOURS,
    QUIET,
    colour_of,
    line_of,
    marker_of,
    short_name,
)


def series(number: int, **look: object) -> Series:
    return Series(name="", number=number, points=(), **look)  # type: ignore[arg-type]


def test_36_runs_look_different() -> None:
    looks = {(colour_of(one), marker_of(one)) for one in map(series, range(36))}
    assert len(looks) == 36


def test_runs_of_one_colour_have_other_dashes() -> None:
    for colour in range(6):
        same = [series(colour + 6 * round) for round in range(6)]
        assert {colour_of(one) for one in same} == {COLOURS[colour]}
        assert len({line_of(one) for one in same}) == 6


def test_a_quiet_series_is_grey_and_a_star_a_star() -> None:
    assert colour_of(series(3, quiet=True)) == QUIET
    assert marker_of(series(3, marker="star")) == "*"
    assert marker_of(series(3, marker="none")) == ""


def test_ten_personas_with_colours_have_ten_markers() -> None:
    assert len({marker_of(series(number, colour="#123456")) for number in range(10)}) == 10


def test_a_long_name_keeps_both_ends() -> None:
    assert short_name("a" * 40) == "a" * 40
    name = "/runs/a-long-experiment/with-many-words/checkpoint-1200"
    assert short_name(name) == "/runs/a-long-experim\N{HORIZONTAL ELLIPSIS}rds/checkpoint-1200"
    assert len(short_name(name)) == 40
    assert short_name("abcdefgh", most=5) == "ab\N{HORIZONTAL ELLIPSIS}gh"
