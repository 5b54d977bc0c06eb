"""pytest tests/metrics/test_repetition.py"""

import numpy as np
import pytest

from sfr_eval.metrics.repetition import (
    collision_rate,
    compression_ratio,
    modal_share,
    self_repetition,
    self_repetition_rate,
    unique_share,
)
from tests.metrics.word_lists import T, zipf_texts


def test_self_repetition_of_the_worked_example() -> None:
    assert self_repetition(T) == pytest.approx(0.967800, abs=5e-7)
    # 4-grams: abcd in three texts, bcde in two, the rest once.
    # Shares: abcd bcde of 2; abcd of abcd bcdf; 0 of 2; abcd bcde of 3.
    assert self_repetition_rate(T) == pytest.approx((1 + 1 / 2 + 0 + 2 / 3) / 4)
    assert self_repetition(T[:1]) is None
    assert self_repetition_rate([["a"], ["b"]]) is None
    assert self_repetition([["a"], ["b"]]) == 0.0


def test_compression_by_hand_and_by_count() -> None:
    import gzip

    texts = [" ".join(text) for text in zipf_texts(6, 256)]
    alone = compression_ratio(texts[:1])
    assert alone == pytest.approx(len(texts[0]) / len(gzip.compress(texts[0].encode(), mtime=0)))
    raw = [compression_ratio(texts[:k]) for k in (8, 64)]
    assert raw[0] is not None
    assert raw[1] is not None
    assert raw[1] > raw[0] + 0.2
    stable = [
        np.mean([compression_ratio(texts[i : i + k], budget=512) for i in range(0, 256, k)])
        for k in (8, 64)
    ]
    assert stable[0] == pytest.approx(stable[1], rel=0.02)
    assert compression_ratio(texts[::-1], budget=512) == compression_ratio(texts, budget=512)
    assert compression_ratio(["", ""]) is None
    assert compression_ratio(["ab"], budget=3) is None


def test_copies_by_hand() -> None:
    assert collision_rate(["a", "a", "b"]) == pytest.approx(1 / 3)
    assert modal_share(["a", "a", "b"]) == pytest.approx(2 / 3)
    assert unique_share(["a", "a", "b"]) == pytest.approx(2 / 3)
    assert collision_rate(["a"]) is modal_share(["a"]) is unique_share(["a"]) is None
