from pathlib import Path

import pytest

from sfr_eval.errors import UserError
from sfr_eval.report.charts.chart import ForestChart, XYChart
from sfr_eval.report.plot import chosen_figure, drawn
from sfr_eval.store.manifest import Manifest, PlannedSuite
from sfr_eval.store.results import Results, SuiteResults, read_suites
from tests.support.report_data import estimate


def suite(*temperatures: float) -> SuiteResults:
    rows = [
        row
        for t in temperatures
        for row in (
            estimate("embed_distance", 0.3 + t / 10, temperature=t),
            estimate("query_accuracy", 0.9 - t / 10, temperature=t),
            estimate("length", None, temperature=t),
        )
    ]
    manifest = Manifest(plan=(PlannedSuite(suite="persona"),))
    return read_suites(manifest, Results(estimates=tuple(rows)))[0]


def test_a_metric_stands_over_temperature() -> None:
    chart = chosen_figure(suite(0.5, 1.0), name="sft", metric="embed_distance").chart
    assert isinstance(chart, XYChart)
    assert [(p.x, p.y) for p in chart.series[0].points] == [(0.5, 0.35), (1.0, 0.4)]
    assert chart.series[0].name == "sft"


def test_a_single_temperature_is_a_row_with_its_interval() -> None:
    chart = chosen_figure(suite(1.0), name="sft", metric="embed_distance").chart
    assert isinstance(chart, ForestChart)


def test_without_a_metric_the_first_trade_off_is_drawn(tmp_path: Path) -> None:
    figure = chosen_figure(suite(0.5, 1.0), name="sft")
    assert figure.title.startswith("Own question recognised against")
    drawn(figure).figure.savefig(tmp_path / "trade_off.png")
    assert (tmp_path / "trade_off.png").stat().st_size > 5_000


def test_a_metric_without_a_value_is_refused() -> None:
    with pytest.raises(UserError, match="plot: length has no value here"):
        chosen_figure(suite(1.0), name="sft", metric="length")
    with pytest.raises(UserError, match="name the metric that stands against embed_distance"):
        chosen_figure(suite(1.0), name="sft", against="embed_distance")
