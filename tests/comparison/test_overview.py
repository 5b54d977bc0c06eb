"""pytest tests/comparison/test_overview.py"""

from sfr_eval.comparison.overview import (
    HEADLINES,
    PRIMARY,
    metric_rows,
    needs,
    sides_of,
    suite_ids,
)
from tests.support.comparison_data import comparison_of, difference

ROWS = {
    "b": [
        difference(0.5, role="quality", call="gain"),
        difference(-0.2, call="loss"),
        difference(0.3, role=None, call="exploratory", metric="distinct_2_rarefied"),
        difference(2.0, role=None, call="exploratory", metric="length", headline=False),
        difference(9.0, role=None, call="exploratory", metric="length", temperature=0.5),
    ],
    "c": [
        difference(0.1, role="quality"),
        difference(0.4, call="gain"),
    ],
}


def test_a_row_is_a_metric_and_a_column_a_run() -> None:
    rows = metric_rows(comparison_of(ROWS), "suite", 1.0)
    variety = rows[0]
    assert (variety.metric, variety.part) == ("embed_distance", PRIMARY)
    assert [one.value for one in variety.values] == [1.0, 0.8, 1.4]
    assert [one.row and one.row.delta for one in variety.values] == [None, -0.2, 0.4]
    assert variety.reach == 0.5
    assert variety.bases_agree


def test_the_primary_family_comes_first_then_headlines() -> None:
    rows = metric_rows(comparison_of(ROWS), "suite", 1.0)
    assert [row.metric for row in rows] == [
        "embed_distance",
        "oracle_valid",
        "distinct_2_rarefied",
        "length",
    ]
    assert [row.part for row in rows] == [PRIMARY, PRIMARY, HEADLINES, "Text"]


def test_a_metric_that_a_pair_lacks_has_no_value_there() -> None:
    rows = metric_rows(comparison_of(ROWS), "suite", 1.0)
    length = rows[-1]
    assert [one.value for one in length.values] == [1.0, 3.0, None]
    assert length.values[2].row is None


def test_another_temperature_keeps_the_primary_family() -> None:
    rows = metric_rows(comparison_of(ROWS), "suite", 0.5)
    assert [(row.metric, row.temperature) for row in rows] == [
        ("embed_distance", 1.0),
        ("oracle_valid", 1.0),
        ("length", 0.5),
    ]


def test_the_base_is_the_first_column() -> None:
    comparison = comparison_of(ROWS)
    assert [(side.name, side.base) for side in sides_of(comparison)] == [
        ("base", ""),
        ("b", "base"),
        ("c", "base"),
    ]
    assert suite_ids(comparison) == ["suite"]


def test_bases_that_differ_by_pair_are_seen() -> None:
    other = comparison_of({"b": [difference(0.1)], "c": [difference(0.1, first=0.9)]})
    assert not metric_rows(other, "suite", 1.0)[0].bases_agree


def test_what_is_needed_is_said_once_for_each_metric() -> None:
    rows = {
        "b": [difference(0.0, words="inconclusive: needs 40 questions", questions=40)],
        "c": [difference(0.0, words="inconclusive: needs 90 questions", questions=90)],
    }
    (line,) = needs(metric_rows(comparison_of(rows), "suite", 1.0))
    assert line == "Distance in meaning at T = 1: needs 90 questions"
