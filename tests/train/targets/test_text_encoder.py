"""The encoder of futures gives the library's own embeddings."""

import numpy as np
import pytest
from sfr_train.targets.segments import TargetSettings
from sfr_train.targets.text_encoder import SentenceEncoder, batches


@pytest.mark.parametrize("pooling", ["native", "mean"])
def test_embeddings_are_those_of_the_library(pooling: str) -> None:
    encoder = SentenceEncoder(TargetSettings.model_validate({"pooling": pooling}))
    texts = [
        "for i in range(10):",
        "FOR  i in\n    range(10):",  # the same to an uncased model
        "yes",
        "Aye, the bread wants ten minutes more in the oven, and then we look again.",
        "word " * 300,  # longer than the window
        "yes",
    ]
    expected = encoder.encode_plainly(texts)
    embeddings = encoder.encode(texts)
    assert embeddings.shape == expected.shape
    assert ((embeddings * expected).sum(axis=1) > 1 - 1e-6).all()
    assert np.array_equal(embeddings[0], embeddings[1])
    assert np.array_equal(embeddings[2], embeddings[5])
    # The library's own encode gives the same vectors afterwards, bit for bit.
    assert np.array_equal(encoder.encode_plainly(texts), expected)


def test_batches_hold_similar_lengths_within_the_token_limit() -> None:
    lengths = [3, 3, 3, 4, 9, 9, 60, 61, 62, 700]
    ranges = list(batches(lengths, limit=64))
    assert ranges == [(0, 3), (3, 4), (4, 6), (6, 7), (7, 8), (8, 9), (9, 10)]
    assert list(batches([], limit=64)) == []
