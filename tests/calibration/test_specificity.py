"""Specificity of a metric: moves worked out by hand."""

import numpy as np
import pytest

from sfr_eval.calibration.specificity import claimed_losses, specificity
from sfr_eval.metrics.metric import Metric

VARIETY = Metric("varied", "higher", "Rises with variety.", claims=("within",))
ALIKE = Metric("alike", "lower", "Falls with variety.", claims=("within",))
STYLE = Metric("styled", "higher", "Rises with style.", claims=("cross",))
QUALITY = Metric("good", "higher", "Rises with quality.")
LENGTH = Metric("length", "neither", "Words.")


def pair(change: float, *, jitter: float = 0.001) -> np.ndarray:
    """Eight queries that move by `change` on average, a little up and down."""
    before = np.linspace(0.4, 0.6, 8)
    return np.stack([before, before + change + jitter * np.array([1, -1] * 4)])


def reading(metric: Metric, change: float, spoils: tuple = ("quality",), **options: float) -> str:
    moves, _ = specificity(
        metric, span=0.4, pairs={"x": pair(change, **options)}, spoils={"x": spoils}
    )
    return str(moves["x"].reading)


def test_a_move_is_in_parts_of_the_span_and_up_is_better() -> None:
    pairs = {"x": pair(0.1)}
    moves, check = specificity(VARIETY, span=0.4, pairs=pairs, spoils={"x": ("quality",)})
    assert moves["x"].moved == pytest.approx(0.25)
    assert moves["x"].low == pytest.approx(
        0.25 - 2.365 * 0.0025 * np.sqrt(8 / 7) / np.sqrt(8), abs=1e-5
    )
    assert check.passed is False
    assert check.reason == "looks better with x"
    moves, _ = specificity(ALIKE, span=0.4, pairs=pairs, spoils={"x": ("quality",)})
    assert moves["x"].moved == pytest.approx(-0.25)


def test_readings_of_a_measure_of_variety() -> None:
    assert reading(VARIETY, 0.0) == "right"
    assert reading(VARIETY, 0.1) == "better"
    assert reading(VARIETY, -0.1) == "worse"
    assert reading(VARIETY, 0.0, jitter=0.1) == "unclear"
    assert reading(VARIETY, -0.1, ("variety",)) == "blind"
    assert reading(VARIETY, -0.3, ("variety", "quality")) == "right"
    assert reading(VARIETY, 0.1, ("variety",)) == "better"
    assert reading(VARIETY, -0.3, ()) == "worse"
    assert reading(STYLE, -0.3, ("variety",)) == "worse"


def test_measures_of_quality_may_miss_a_fault() -> None:
    spoils = {"a": ("quality",), "b": ("quality",), "c": ("variety",)}
    pairs = {"a": pair(-0.3), "b": pair(0.0), "c": pair(0.0)}
    moves, check = specificity(QUALITY, span=1.0, pairs=pairs, spoils=spoils)
    assert [moves[name].reading for name in "abc"] == ["right", "blind", "right"]
    assert check.passed is True
    _, check = specificity(QUALITY, span=1.0, pairs={"c": pair(-0.3)}, spoils=spoils)
    assert check.reason == "falls as well with c"


def test_undefined_is_no_pass_and_no_failure() -> None:
    cases = ((VARIETY, None, pair(0.1)), (LENGTH, 1.0, pair(0.1)), (VARIETY, 0.4, pair(0.1)[:, :1]))
    for metric, span, values in cases:
        moves, check = specificity(metric, span=span, pairs={"x": values}, spoils={"x": ()})
        assert moves["x"].moved is None
        assert moves["x"].reading is None
        assert check.passed is None


def test_what_a_metric_claims_to_lose() -> None:
    assert claimed_losses(VARIETY) == ("variety",)
    assert claimed_losses(STYLE) == ("style",)
    assert claimed_losses(QUALITY) == ("quality",)
    assert claimed_losses(LENGTH) == ()
    both = Metric("both", "higher", "Both.", claims=("within", "both"))
    assert claimed_losses(both) == ("variety", "style")
