"""pytest tests/metrics/test_across.py"""

from dataclasses import replace

import numpy as np
import pytest

from sfr_eval.embeddings.encoder import Encoder
from sfr_eval.metrics import across
from sfr_eval.suites.suite import Suite
from tests.metrics.conftest import MakeContext, answers
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


def test_conditional_ratio_by_hand(context: MakeContext) -> None:
    """x answers every question alike but variedly, y each question in its own fixed words, and z
    says one thing only."""
    made = context(
        {
            ("q", "x"): ["a", "b"],
            ("r", "x"): ["a", "b"],
            ("q", "y"): ["a", "a"],
            ("r", "y"): ["b", "b"],
            ("q", "z"): ["a", "a"],
            ("r", "z"): ["a", "a"],
        }
    )
    made = replace(made, encoder=Vectors(TABLE))  # type: ignore[arg-type]
    found = {r.metric: r for r in across.compute(made)}
    values = {v.persona: v for v in found["conditional_ratio"].values}
    # Across, x meets its other word in both sets of one block: distance 1; within, too.
    assert values["x"].value == pytest.approx(1.0)
    assert values["y"].value == pytest.approx(0.0)
    assert values["z"].value is None
    assert values["z"].reason.startswith("replies to different prompts are all alike")
    assert found["conditional_ratio"].higher_is_better is None
    lonely = replace(context({("q", "x"): ["a", "b"]}), encoder=Vectors(TABLE))  # type: ignore[arg-type]
    (value,) = next(r.values for r in across.compute(lonely) if r.metric == "conditional_ratio")
    assert (value.value, value.reason) == (None, "fewer than 2 queries")


def test_one_reply_a_prompt_has_no_conditional_ratio(context: MakeContext) -> None:
    made = replace(
        context({(q, "x"): ["ab"[i % 2]] for i, q in enumerate("qrstuvwx")}), encoder=Vectors(TABLE)
    )  # type: ignore[arg-type]
    found = {r.metric: r.values[0] for r in across.compute(made)}
    assert found["across_embed_distance"].value == pytest.approx(16 / 28)
    assert found["conditional_ratio"].value is None
    assert "one reply each" in found["conditional_ratio"].reason


def test_replies_dealt_to_other_questions_have_ratio_one(small: Suite, encoder: Encoder) -> None:
    """What no measure within a prompt can tell from variety."""
    own = answers(small, encoder, cross=0.0, k=4)
    texts = [sample.text for sample in own.samples]
    order = np.random.default_rng(0).permutation(len(texts))
    dealt = [replace(s, text=texts[i]) for s, i in zip(own.samples, order, strict=True)]
    ratios = []
    for made in (own, replace(own, samples=dealt)):
        result = next(r for r in across.compute(made) if r.metric == "conditional_ratio")
        ratios.append(np.mean([v.value for v in result.values]))
    assert ratios[0] < 0.75
    assert ratios[1] == pytest.approx(1.0, abs=0.05)
