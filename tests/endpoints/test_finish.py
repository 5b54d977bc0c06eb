"""pytest tests/endpoints/test_finish.py"""

import pytest

from sfr_eval.endpoints.finish import how_it_ended


@pytest.mark.parametrize(
    ("reason", "ended"),
    [
        ("stop", "stop"),
        ("eos", "stop"),
        ("eos_token", "stop"),
        ("end_turn", "stop"),
        ("stop_sequence", "stop"),
        ("STOP", "stop"),
        ("FINISH_REASON_STOP", "stop"),
        ("length", "length"),
        ("MAX_TOKENS", "length"),
        ("max-tokens", "length"),
        ("model_length", "length"),
        ("FinishReason.MAX_TOKENS", "length"),
        ("content_filter", "content_filter"),
        ("SAFETY", "content_filter"),
        ("tool_calls", "error"),
        ("abort", "error"),
        (None, "unknown"),
        ("", "unknown"),
        ("whim", "unknown"),
    ],
)
def test_spellings_of_one_reason_mean_the_same(reason: str | None, ended: str) -> None:
    assert how_it_ended(reason) == ended
