"""pytest tests/metrics/test_repetition.py"""

from itertools import permutations

import numpy as np
import pytest

from sfr_eval.metrics.repetition import (
    collision_rate,
    compression_ratio,
    compression_ratio_fixed,
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
    assert self_repetition_rate([["a"], ["b"]]) == 0.0
    assert self_repetition_rate([["a"], ["a"], []]) == pytest.approx(2 / 3)
    assert self_repetition_rate([["a"]]) is None
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
    assert compression_ratio([]) is None
    assert compression_ratio(["", ""]) == 2


def test_the_fixed_ratio_by_another_count() -> None:
    """Four texts are one block, whatever the order, and zlib's stream is counted by hand."""
    import zlib

    def size(*texts: str) -> int:
        stream = zlib.compressobj(9, zlib.DEFLATED, -15)
        return len(stream.compress("\n".join(texts).encode()) + stream.flush())

    texts = ["a b c d e f", "a b c x y z", "a b c d e f", "q"]
    alone = 2 * size(texts[0]) + size(texts[1]) + size(texts[3])
    whole = [size(*order) for order in permutations(sorted(set(texts)))]
    ratio = compression_ratio_fixed(texts)
    assert ratio is not None
    assert alone / max(whole) <= ratio <= alone / min(whole)
    assert compression_ratio_fixed(texts[::-1]) == ratio
    assert compression_ratio_fixed(texts[:3]) is None


@pytest.mark.parametrize("words", [0, 1, 5, 60, 400])
def test_copies_compress_to_one_at_any_length(words: int) -> None:
    copies = [" ".join(f"w{i}" for i in range(words))] * 8
    assert compression_ratio_fixed(copies) == 4
    assert self_repetition_rate([text.split() for text in copies]) == 1
    assert self_repetition([text.split() for text in copies]) == pytest.approx(
        np.log1p(7 * max(1, words - 3))
    )


def test_the_fixed_ratio_detects_copies_beyond_a_kilobyte() -> None:
    """Independent texts of 400 words score about 1.2, also eight; copies of one score 4, and half
    of the replies copied lies between."""
    long = [" ".join(text) for text in zipf_texts(9, 8, words=400)]
    apart, half = compression_ratio_fixed(long), compression_ratio_fixed(long[:4] + long[:1] * 4)
    assert apart is not None
    assert half is not None
    assert 1 < apart < 1.5 < half < 3
    assert compression_ratio_fixed(long[:1] * 8) == 4


def test_the_fixed_ratio_does_not_depend_on_k() -> None:
    texts = [" ".join(text) for text in zipf_texts(6, 256)]
    means = [
        np.mean([compression_ratio_fixed(texts[i : i + k]) for i in range(0, 256, k)])
        for k in (8, 64)
    ]
    assert means[0] == pytest.approx(means[1], rel=0.01)


def test_copies_by_hand() -> None:
    assert collision_rate(["a", "a", "b"]) == pytest.approx(1 / 3)
    assert modal_share(["a", "a", "b"]) == pytest.approx(2 / 3)
    assert unique_share(["a", "a", "b"]) == pytest.approx(2 / 3)
    assert collision_rate(["a"]) is modal_share(["a"]) is unique_share(["a"]) is None
