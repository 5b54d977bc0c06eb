"""pytest tests/comparison/test_lengths.py"""

from collections.abc import Mapping

import pytest

from sfr_eval.comparison.lengths import UnequalLengths, unequal_lengths
from sfr_eval.stats.intervals import Interval
from sfr_eval.types import PromptKey

Columns = Mapping[str, Mapping[float, Mapping[PromptKey, float]]]


class Run:
    """Values of made-up metrics at T = 1, one number for each query."""

    def __init__(self, **metrics: list[float]) -> None:
        self.columns: Columns = {
            metric: {1.0: {(f"q{i}", ""): v for i, v in enumerate(values)}}
            for metric, values in metrics.items()
        }

    def __call__(self, metric: str) -> Mapping[float, Mapping[PromptKey, float]]:
        return self.columns.get(metric, {})


def test_lengths_within_a_tenth_are_equal() -> None:
    assert unequal_lengths(Run(length=[40.0] * 6), Run(length=[36.5] * 6), 1.0) is None
    assert unequal_lengths(Run(length=[40.0] * 6), Run(length=[35.0] * 6), 1.0) is not None
    assert unequal_lengths(Run(), Run(length=[3.0]), 1.0) is None


def test_variety_of_named_answers_does_not_vary_with_length() -> None:
    named = Run(length=[1.0] * 3, answer_valid=[1.0] * 3)
    talkative = Run(length=[9.0] * 3, answer_valid=[1.0] * 3)
    assert unequal_lengths(named, talkative, 1.0) is None


@pytest.mark.parametrize(("words", "window"), [(40.0, 16), (22.0, 16), (12.0, 8), (5.0, None)])
def test_the_longest_filled_window_is_read(words: float, window: int | None) -> None:
    beginnings = {f"embed_distance_first_{n}": [0.4, 0.5, 0.6] for n in (16, 8)}
    long = Run(length=[80.0] * 3, **beginnings)
    found = unequal_lengths(long, Run(length=[words] * 3, **beginnings), 1.0)
    assert found is not None
    assert found.window == window
    if window:
        assert found.difference == Interval(0.0, 0.0, 0.0, "t")
        assert f"first {window} tokens" in found.line
    else:
        assert "too short to be compared at equal length" in found.line


def test_the_difference_is_paired_by_query() -> None:
    """.1, .2 and .3: mean .2, standard error .0577, t quantile 4.303."""
    first = Run(length=[40.0] * 3, embed_distance_first_16=[0.4, 0.5, 0.6])
    second = Run(length=[60.0] * 3, embed_distance_first_16=[0.5, 0.7, 0.9])
    found = unequal_lengths(first, second, 1.0)
    assert found is not None
    assert found.difference is not None
    assert found.difference.value == pytest.approx(0.2)
    assert found.difference.low == pytest.approx(0.2 - 4.302653 * 0.1 / 3**0.5)


@pytest.mark.parametrize(
    ("second", "interval", "gain", "explained"),
    [
        (10.0, (-0.1, 0.1), True, True),  # shorter, more varied, not so in the beginnings
        (10.0, (0.1, 0.3), True, False),  # more varied in the beginnings, too
        (90.0, (-0.1, 0.1), False, True),  # longer, less varied, not so in the beginnings
        (90.0, (-0.3, -0.1), False, False),
        (90.0, (-0.1, 0.1), True, False),  # longer replies do not read as more varied
        (10.0, None, True, True),  # nothing is known at equal length
    ],
)
def test_what_lengths_explain(
    second: float, interval: tuple[float, float] | None, gain: bool, explained: bool
) -> None:
    lengths = UnequalLengths(
        temperature=1.0,
        first=40.0,
        second=second,
        window=None if interval is None else 8,
        metric="",
        difference=None if interval is None else Interval(sum(interval) / 2, *interval, "t"),
    )
    assert lengths.explains(gain=gain) is explained
