"""The encoder of futures gives the library's own embeddings.

pytest tests/train/targets/test_text_encoder.py"""

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
        "word " * 300,  # beyond the window
        "yes",
    ]
    expected = encoder.encode_plainly(texts)
    found = encoder.encode(texts)
    assert found.shape == expected.shape
    assert ((found * expected).sum(axis=1) > 1 - 1e-6).all()
    assert np.array_equal(found[0], found[1])
    assert np.array_equal(found[2], found[5])
    # And the library's own way is left as it was, bit for bit.
    assert np.array_equal(encoder.encode_plainly(texts), expected)


def test_batches_hold_one_length_and_no_more_tokens_than_allowed() -> None:
    lengths = [3, 3, 3, 4, 9, 9, 60, 61, 62, 700]
    found = list(batches(lengths, limit=64))
    assert found == [(0, 3), (3, 4), (4, 6), (6, 7), (7, 8), (8, 9), (9, 10)]
    assert list(batches([], limit=64)) == []
