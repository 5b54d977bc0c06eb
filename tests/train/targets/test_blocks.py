"""Blocks of rows: what is read once for the keys is read again as the same texts."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sfr_train.targets import blocks
from sfr_train.targets.blocks import Block, read_keys, read_pieces, rows_of, scan, texts_of
from sfr_train.targets.segments import TargetSettings
from sfr_train.targets.text_store import text_key

from tests.train.targets.test_cached import WordTokenizer, rows

SETTINGS = TargetSettings(k=2, stride=1, minimum=1)


def test_a_block_by_hand() -> None:
    block = scan(rows([1, 2, 3], [4], [5, 2, 3]), 0, tokenizer=WordTokenizer(), settings=SETTINGS)
    assert block.lengths.tolist() == [2, 0, 2]
    assert block.positions.tolist() == [2, 3, 2, 3]
    assert block.texts.tolist() == [0, 1, 0, 1]
    assert block.keys.tolist() == [text_key("two three"), text_key("three")]
    assert block.pieces.tolist() == [[0, 1, 3], [0, 2, 3]]


def test_pieces_are_read_again_as_the_texts_of_their_keys(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(blocks, "ROWS", 3)
    rng = np.random.default_rng(0)
    data = rows(*(rng.integers(1, 12, size=rng.integers(1, 9)).tolist() for _ in range(8)))
    for number in range(3):
        block = scan(data, number, tokenizer=WordTokenizer(), settings=SETTINGS)
        for part in (slice(None), slice(1, None, 2), slice(2, 3)):
            texts = texts_of(data, number, block.pieces[part], tokenizer=WordTokenizer())
            assert [text_key(text) for text in texts] == block.keys[part].tolist()


def test_a_file_gives_back_the_block(tmp_path: Path) -> None:
    block = scan(rows([1, 2, 3]), 0, tokenizer=WordTokenizer(), settings=SETTINGS)
    block.write(tmp_path / "0.npz")
    again = Block.read(tmp_path / "0.npz")
    for name in ("lengths", "positions", "weights", "texts", "keys", "pieces"):
        assert np.array_equal(getattr(again, name), getattr(block, name))
    assert np.array_equal(read_keys(tmp_path / "0.npz"), block.keys)
    assert np.array_equal(read_pieces(tmp_path / "0.npz"), block.pieces)


@pytest.mark.parametrize("kind", ["list", "large", "fixed", "selected"])
def test_rows_of_any_arrow_lists_are_the_data_sets_own(kind: str) -> None:
    import datasets

    lists: Any = {
        "large": datasets.LargeList(datasets.Value("int32")),
        "fixed": datasets.Sequence(datasets.Value("int64"), length=3),
    }.get(kind, datasets.Sequence(datasets.Value("int32")))
    values = [[7, 8, 9], [1, 2, 3], [4, 5, 6], [0, 3, 1]]
    if kind != "fixed":
        values[1:3] = [[], [4]]
    data = datasets.Dataset.from_dict(
        {"input_ids": values, "labels": values},
        features=datasets.Features({"input_ids": lists, "labels": lists}),
    )
    if kind == "selected":
        data, values = data.select([3, 0, 2]), [values[3], values[0], values[2]]
    found = [(ids.tolist(), labels.tolist()) for ids, labels in rows_of(data, 1, 3)]
    assert found == [(row, row) for row in values[1:3]]
    assert all(ids.dtype == np.int64 for ids, _ in rows_of(data, 0, 2))
