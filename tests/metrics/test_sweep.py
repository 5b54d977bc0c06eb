"""pytest tests/metrics/test_sweep.py"""

from collections.abc import Mapping

import pytest

from sfr_eval.metrics.sweep import compare_curves, curve, summaries
from sfr_eval.types import MetricResult, Value

Table = Mapping[tuple[str, float], float | None]  # (query, temperature) -> value


def result(metric: str, table: Table, *, higher: bool = True) -> MetricResult:
    values = [
        Value(suite="s", temperature=t, query=query, persona=persona, value=value)
        for (query, t), value in table.items()
        for persona in ("x", "y")
    ]
    return MetricResult(
        metric=metric,
        version="1",
        unit="prompt",
        higher_is_better=higher,
        signature={},
        values=values,
    )


STYLE_TABLE = {("a", 1): 0.9, ("a", 2): 0.5, ("b", 1): 0.7, ("b", 2): 0.3}
SPREAD_TABLE = {("a", 1): 0.2, ("a", 2): 0.6, ("b", 1): 0.4, ("b", 2): 0.6}
STYLE = result("style_strength", STYLE_TABLE)
SPREAD = result("embed_distance", SPREAD_TABLE)
BLEU = result(
    "cs_self_bleu_4", {("a", 1): 0.8, ("a", 2): 0.3, ("b", 1): None, ("b", 2): 0.3}, higher=False
)


def test_a_summary_by_hand() -> None:
    (found,) = summaries([STYLE, SPREAD])
    assert [(p.quality, p.diversity) for p in found.points] == [
        (pytest.approx(0.8), pytest.approx(0.3)),
        (pytest.approx(0.4), pytest.approx(0.6)),
    ]
    # .4 * .6 + (.8 - .4) * .3
    assert found.hypervolume.value == pytest.approx(0.36)
    assert found.hypervolume.low < 0.36 < found.hypervolume.high
    assert found.hypervolume.n == 2
    half, *_ = found.matched
    assert half.level == pytest.approx(0.4)  # half of the best
    assert half.value == pytest.approx(0.6)


def test_lower_is_inverted_and_gaps_are_counted() -> None:
    found = curve(STYLE, BLEU)
    assert found.queries == ("a",)
    assert found.left_out == 1
    assert found.diversities.tolist() == [[pytest.approx(0.2), pytest.approx(0.7)]]


def test_one_temperature_is_not_a_sweep() -> None:
    cold = dict.fromkeys((("a", 1.0), ("b", 1.0)), 0.5)
    assert list(summaries([result("style_strength", cold), result("embed_distance", cold)])) == []
    assert list(summaries([STYLE])) == []


def test_summaries_repeat() -> None:
    assert list(summaries([STYLE, SPREAD, BLEU])) == list(summaries([STYLE, SPREAD, BLEU]))


def test_two_models_are_compared_on_shared_queries() -> None:
    more = result(
        "embed_distance",
        {("a", 1): 0.3, ("a", 2): 0.7, ("b", 1): 0.5, ("b", 2): 0.7, ("c", 1): 1, ("c", 2): 1},
    )
    style = result(
        "style_strength",
        {("a", 1): 0.9, ("a", 2): 0.5, ("b", 1): 0.7, ("b", 2): 0.3, ("c", 1): 1, ("c", 2): 1},
    )
    found = compare_curves(curve(STYLE, SPREAD), curve(style, more))
    assert found.queries == 2
    assert found.queries_left_out == 1
    # .1 more diversity under all of the best quality, .8
    assert found.hypervolume.value == pytest.approx(0.08)
    assert [row.value for row in found.matched] == [pytest.approx(0.1)] * 4


def test_only_shared_temperatures_are_compared() -> None:
    """The very same values, and one more temperature on one side: no difference."""
    hot = {("a", 3): 0.2, ("b", 3): 0.2}
    style = result("style_strength", STYLE_TABLE | hot)
    spread = result("embed_distance", SPREAD_TABLE | dict.fromkeys(hot, 0.9))
    found = compare_curves(curve(STYLE, SPREAD), curve(style, spread))
    assert (found.hypervolume.value, found.hypervolume.low, found.hypervolume.high) == (0, 0, 0)
    assert [row.value for row in found.matched] == [0] * 4


def test_without_two_shared_temperatures_all_is_undefined() -> None:
    hot = {(query, t + 1): value for (query, t), value in STYLE_TABLE.items()}
    style, spread = result("style_strength", hot), result("embed_distance", hot)
    found = compare_curves(curve(STYLE, SPREAD), curve(style, spread))
    assert found.hypervolume.value is None
    assert found.hypervolume.method == "none: no two temperatures in common"
    assert all(row.value is None for row in found.matched)
