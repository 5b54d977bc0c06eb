"""pytest tests/metrics/test_across.py"""

from dataclasses import replace

import pytest

from sfr_eval.metrics import across
from tests.metrics.conftest import MakeContext
from tests.metrics.vectors import TABLE, Vectors


def test_across_takes_one_reply_of_each_query(context: MakeContext) -> None:
    """Two voices: x says the same to everybody but varies within a prompt, y the other way."""
    made = context(
        {
            ("q", "x"): ["a", "b"],
            ("r", "x"): ["a", "b"],
            ("q", "y"): ["a", "a"],
            ("r", "y"): ["b", "b"],
            ("s", "x"): ["a", None],
            ("s", "y"): ["a", "a"],
        }
    )
    made = replace(made, encoder=Vectors(TABLE))  # type: ignore[arg-type]
    result = next(r for r in across.compute(made) if r.metric == "across_embed_distance")
    assert result.unit == "set"
    assert result.notes["set_size"] == 2
    assert result.notes["queries_left_out"] == 1  # three queries, blocks of two
    assert result.signature["set"] == "one reply each to 2 queries"
    of = {value.persona: value.value for value in result.values}
    assert set(of) == {"x", "y"}
    left = result.notes["sets_left_out"]
    if not left:  # the block is q and r: x meets its other word, y never its own
        assert of == {"x": pytest.approx(1.0), "y": pytest.approx(1.0)}
    total = result.notes["sets"] + left
    assert total == 4  # 2 personas, 1 block, 2 sets
    alone = replace(context({("q", "x"): ["a", "b"]}), encoder=Vectors(TABLE))  # type: ignore[arg-type]
    lonely = next(r for r in across.compute(alone) if r.metric == "across_embed_distance")
    assert [(v.value, v.reason) for v in lonely.values] == [(None, "fewer than 2 queries")]
