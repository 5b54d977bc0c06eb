"""pytest tests/report/test_trade_off.py"""

from collections.abc import Mapping

import pytest

from sfr_eval.report.figures import Figure
from sfr_eval.report.trade_off import trade_off
from sfr_eval.store.results import SuiteResults
from tests.support.drawn import axes_of_one, curves
from tests.support.report_data import estimate

STRENGTHS = {0.4: 0.8, 0.8: 0.75, 1.2: 0.5, 2.0: 0.2}


def figure(variety: str, values: Mapping[float, float]) -> Figure:
    rows = [
        estimate(metric, value, 0.02, temperature=t)
        for metric, sweep in ((variety, values), ("style_strength", STRENGTHS))
        for t, value in sweep.items()
    ]
    suite = SuiteResults(
        id="persona",
        title="Test",
        personas={"a": "Anna", "b": "Bert"},
        temperatures=tuple(STRENGTHS),
        samples=8,
        estimates={(e.metric, e.temperature, ""): e for e in rows},
        truth={},
        notes={},
        similarity={},
    )
    (drawn,) = trade_off(suite)
    return drawn


def paths(drawn: Figure) -> list[tuple[str, list[float]]]:
    """The line style and the x values of the curve's parts."""
    return curves(axes_of_one(drawn))


@pytest.mark.parametrize("metric", ["embed_distance", "self_bleu_4_fixed"])
def test_a_curve_that_folds_back_is_dashed_beyond_its_peak(metric: str) -> None:
    varied = {0.4: 0.43, 0.8: 0.62, 1.2: 0.80, 2.0: 0.63}
    lower = metric == "self_bleu_4_fixed"
    values = {t: 1 - v if lower else v for t, v in varied.items()}
    (solid, rise), (dashed, fall) = paths(figure(metric, values))
    assert (solid, dashed) == ("-", "--")
    assert rise == pytest.approx([values[t] for t in (0.4, 0.8, 1.2)])
    assert fall == pytest.approx([values[t] for t in (1.2, 2.0)])


def test_a_curve_in_order_is_one_line() -> None:
    values = {2.0: 0.8, 0.4: 0.43, 0.8: 0.62, 1.2: 0.79}  # the order is that of the temperatures
    assert paths(figure("embed_distance", values)) == [("-", [0.43, 0.62, 0.79, 0.8])]
