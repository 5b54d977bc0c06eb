"""pytest tests/report/test_over_temperature.py"""

import pytest

from sfr_eval.report.charts.chart import ForestChart, XYChart
from sfr_eval.report.over_temperature import over_temperature
from sfr_eval.store.results import SuiteResults
from sfr_eval.types import Estimate
from tests.support.report_data import estimate

METRICS = ("oracle_valid", "embed_distance", "length")


def suite(*rows: Estimate, truth: tuple[Estimate, ...] = ()) -> SuiteResults:
    return SuiteResults(
        id="persona",
        title="Test",
        personas={},
        temperatures=tuple(sorted({row.temperature for row in rows})),
        samples=2,
        estimates={(e.metric, e.temperature, ""): e for e in rows},
        truth={(e.metric, ""): e for e in truth},
        notes={},
        similarity={},
    )


def at(*temperatures: float) -> list[Estimate]:
    values = {"oracle_valid": 1.0, "embed_distance": 0.4, "length": 24.0}
    return [
        estimate(metric, value + 0.001 * t, 0.02, temperature=t)
        for metric, value in values.items()
        for t in temperatures
    ]


def test_each_metric_has_a_chart_over_temperature() -> None:
    reference = (estimate("length", 30.0, 1.0),)
    figures = over_temperature({"model": suite(*at(0.5, 1.0), truth=reference)}, METRICS)
    charts = [figure.chart for figure in figures]
    assert all(isinstance(chart, XYChart) and chart.cursor == "temperature" for chart in charts)
    length = charts[2]
    assert isinstance(length, XYChart)
    assert [(s.name, s.level) for s in length.series] == [("model", False), ("reference", True)]
    assert [point.y for point in length.series[0].points] == [24.0005, 24.001]


def test_one_temperature_is_one_chart_with_intervals() -> None:
    (figure,) = over_temperature({"model": suite(*at(1.0))}, METRICS)
    assert isinstance(figure.chart, ForestChart)
    assert figure.title == "At T = 1"
    assert [row.metric for row in figure.chart.rows] == list(METRICS)
    first, _, length = figure.chart.rows
    assert (first.marks[0].low, first.marks[0].high) == pytest.approx((0.981, 1.021))
    assert (length.start, length.scale) == pytest.approx((0.0, 1.1 * 24.021))
    assert "From" not in figure.description
    assert len(figure.rows) == 3


def test_runs_at_one_temperature_share_its_chart() -> None:
    runs = {"a": suite(*at(1.0)), "b": suite(*at(1.0))}
    (figure,) = over_temperature(runs, METRICS)
    assert isinstance(figure.chart, ForestChart)
    assert [mark.series for mark in figure.chart.rows[0].marks] == ["a", "b"]


def test_a_metric_that_no_run_has_is_not_drawn() -> None:
    assert over_temperature({"model": suite(*at(0.5, 1.0))}, ("self_bleu_4_fixed",)) == []
