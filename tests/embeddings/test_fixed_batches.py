"""pytest tests/embeddings/test_fixed_batches.py"""

import random
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from sfr_eval.embeddings.backends import load, sentence_transformer
from sfr_eval.embeddings.fixed_batches import ROWS, STEP, FixedBatches, batches_of
from sfr_eval.embeddings.locate import DEFAULT, find_encoder

TEXTS = [
    "",
    "Arr!",
    *(f"{'The kettle sings. ' * (number % 7)}Pour {number} cups." for number in range(21)),
    "word " * 400,  # beyond the window
]


@pytest.fixture
def two_threads() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    yield
    torch.set_num_threads(before)


def test_batches_by_hand() -> None:
    assert batches_of([3, 4, 7, 10, 3], window=10) == [([3], 10), ([1, 2], 8), ([0, 4], 4)]


@given(st.lists(st.integers(1, 40), max_size=60), st.sampled_from([None, 40, 41]))
def test_the_width_depends_on_the_length_alone(lengths: list[int], window: int | None) -> None:
    batches = batches_of(lengths, window=window)
    assert sorted(row for rows, _ in batches for row in rows) == list(range(len(lengths)))
    for rows, width in batches:
        assert len(rows) <= ROWS
        for row in rows:
            assert lengths[row] <= width <= min(window or 99, lengths[row] + STEP)
            (alone,) = batches_of([lengths[row]], window=window)
            assert alone == ([0], width)
        assert len({lengths[row] < width for row in rows}) == 1  # all are masked, or none


@pytest.mark.parametrize("backend", ["float32", "bfloat16"])
def test_neighbours_and_threads_change_no_bit(backend: str, two_threads: None) -> None:
    folder = find_encoder(DEFAULT).folder
    encoder = load(folder, name=DEFAULT, backend=backend, exports=folder)  # type: ignore[arg-type]
    assert isinstance(encoder, FixedBatches)
    rows = encoder.embed(TEXTS, 32)
    torch.set_num_threads(1)
    order = random.Random(0).sample(range(len(TEXTS)), len(TEXTS))
    other = encoder.embed([TEXTS[number] for number in order], 8)
    np.testing.assert_array_equal(other, rows[order])
    for number in (0, 9, len(TEXTS) - 1):
        np.testing.assert_array_equal(encoder.embed([TEXTS[number]], 1)[0], rows[number])
    assert torch.get_num_threads() == 1  # as it was


def test_equal_to_the_library(tmp_path: Path) -> None:
    folder = find_encoder(DEFAULT).folder
    library = sentence_transformer(folder, name=DEFAULT, bfloat16=False)
    rows = load(folder, name=DEFAULT, backend="float32", exports=tmp_path).embed(TEXTS, 8)
    expected = library.encode(TEXTS, normalize_embeddings=True)
    np.testing.assert_allclose(rows, expected, atol=1e-5)
