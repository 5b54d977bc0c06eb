"""pytest tests/metrics/test_gated.py"""

from dataclasses import replace
from types import SimpleNamespace

import pytest

from sfr_eval.metrics import gated
from tests.metrics.conftest import MakeContext
from tests.metrics.vectors import TABLE, Vectors


def test_the_filter_drops_bad_replies_but_counts_them(
    context: MakeContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = context({("q", "x"): ["a", "a", "b", "c", "c"], ("q", "y"): ["c", "c", "c", "c"]})
    made = replace(made, encoder=Vectors(TABLE))  # type: ignore[arg-type]
    assert gated.compute(made) == []  # no gate, no claim
    oracle = SimpleNamespace(parse=lambda reply: SimpleNamespace(valid=reply.text != "c"))
    monkeypatch.setattr(gated, "oracle_of", lambda _: oracle)
    found = {r.metric: r for r in gated.compute(made)}
    values = {metric: [v.value for v in r.values] for metric, r in found.items()}
    assert values["valid_embed_distance"] == [pytest.approx(2 / 3), None]
    # 4 of 5 drawn: a (two) always, b with 4/5.
    assert values["valid_distinct_k"] == [pytest.approx(1.8), 0.0]
    assert values["valid_self_bleu_4"] == [None, None]
    assert found["valid_distinct_k"].signature["gate"] == "oracle_valid"
    assert found["valid_distinct_k"].notes["passed"] == pytest.approx(3 / 9)
