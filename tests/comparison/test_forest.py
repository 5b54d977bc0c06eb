"""pytest tests/comparison/test_forest.py"""

from sfr_eval.comparison.forest import forest
from sfr_eval.metrics.table import metric_info
from sfr_eval.report.charts.chart import ForestChart
from tests.support.comparison_data import comparison_of, difference

ROWS = {
    "b": [
        difference(0.5, call="gain"),
        difference(0.3, role=None, call="exploratory", metric="distinct_2_rarefied"),
        difference(9.0, role=None, call="exploratory", metric="length", headline=False),
    ],
    "c": [difference(-0.5, call="loss")],
}


def test_rows_are_primary_and_headline_metrics() -> None:
    (figure,) = forest(comparison_of(ROWS), "suite", 1.0)
    chart = figure.chart
    assert isinstance(chart, ForestChart)
    assert [(row.metric, row.part) for row in chart.rows] == [
        ("embed_distance", "Primary family"),
        ("distinct_2_rarefied", "Headline metrics"),
    ]
    assert [(mark.series, mark.value, mark.tone) for mark in chart.rows[0].marks] == [
        ("b", 0.5, "up"),
        ("c", -0.5, "down"),
    ]
    span = metric_info("embed_distance")
    assert span is not None
    assert chart.rows[0].scale == span.span


def test_an_exploratory_mark_has_no_words() -> None:
    (figure,) = forest(comparison_of(ROWS), "suite", 1.0)
    assert isinstance(figure.chart, ForestChart)
    assert [mark.words for mark in figure.chart.rows[1].marks] == [""]
    assert [row["call"] for row in figure.rows] == ["gain", "loss", "exploratory"]


def test_nothing_to_compare_is_no_figure() -> None:
    assert forest(comparison_of({"b": []}), "suite", 1.0) == []
