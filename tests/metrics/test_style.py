"""pytest tests/metrics/test_style.py"""

import math

import numpy as np
import pytest

from sfr_eval.embeddings.encoder import Encoder
from sfr_eval.metrics import style
from sfr_eval.metrics.style import style_information
from sfr_eval.suites.suite import Suite
from tests.metrics.conftest import answers


def test_measures_of_one_prompt() -> None:
    table = np.array([[0.7, 0.2, 0.1], [0.3, 0.4, 0.3]])
    assert style.style_strength(table, 0) == pytest.approx(0.5)
    assert style.style_accuracy(table, 0) == pytest.approx(0.5)
    assert style.style_strength(table[:0], 0) is None
    assert style.style_accuracy(table[:0], 0) is None


def test_strength_falls_with_the_dial(small: Suite, encoder: Encoder) -> None:
    means = []
    for cross in (0.0, 1.0):
        strength, accuracy, _ = style.compute(answers(small, encoder, cross=cross))
        means.append(np.mean([value.value for value in strength.values]))
        assert all(value.value is not None for value in accuracy.values)
    assert means[0] > 0.6
    assert means[1] < 0.5  # one voice for three personas: a third by chance


def test_blocks_of_embeddings_give_the_values_of_all_at_once(
    small: Suite, encoder: Encoder, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = answers(small, encoder, cross=0.5)
    whole = style.compute(made)
    monkeypatch.setattr(
        "sfr_eval.embeddings.encoder._BLOCK", 7
    )  # 72 replies: the last block is short
    assert [len(rows) for rows in made.reply_embedding_blocks()] == [7] * 10 + [2]
    for one, other in zip(whole, style.compute(made), strict=True):
        values = [v.value for v in other.values]  # of float32 embeddings
        assert [v.value for v in one.values] == pytest.approx(values, abs=1e-6)
        assert one.notes["confusion"] == other.notes["confusion"]
    assert made.reply_embeddings.shape == (72, 384)
    assert len(list(made.reply_embedding_blocks())) == 1  # they are there: no second reading


def test_style_information_in_bits() -> None:
    assert style_information(np.full((3, 4), 0.25), 1) == pytest.approx(0)
    assert style_information(np.eye(4)[[1, 1]], 1) == pytest.approx(2)
    # One sure and right, one sure and wrong: 2 + (0 + log2 1e-6) / 2.
    assert style_information(np.eye(4)[[1, 2]], 1) == pytest.approx(2 + math.log2(1e-6) / 2)
    assert style_information(np.zeros((0, 4)), 1) is None
