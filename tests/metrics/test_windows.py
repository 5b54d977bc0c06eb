"""pytest tests/metrics/test_windows.py"""

import pytest

from sfr_eval.metrics.semantic import mean_pairwise_distance
from sfr_eval.metrics.windows import WINDOWS, compute

FIRST = "One two three four five six seven eight"


def test_only_the_first_tokens_are_read(context, encoder) -> None:  # type: ignore[no-untyped-def]
    """Eight equal tokens, then other words: no distance in the first 8, some in the first 16."""
    replies = [f"{FIRST} and {rest}" for rest in ("a red house", "the deep sea", "my old dog")]
    found = context({("q", ""): replies})
    sixteen, eight = compute(found)
    assert [value.value for value in eight.values] == [pytest.approx(0.0, abs=1e-9)]
    expected = mean_pairwise_distance(encoder.encode(replies))
    assert sixteen.values[0].value == pytest.approx(expected, abs=1e-6)
    assert [result.signature["token_window"] for result in (sixteen, eight)] == list(WINDOWS)


def test_one_reply_has_no_distance(context) -> None:  # type: ignore[no-untyped-def]
    for result in compute(context({("q", ""): ["alone"]})):
        assert result.values[0].value is None
        assert result.values[0].reason == "fewer than 2 replies with text"
