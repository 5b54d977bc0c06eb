"""The store of embeddings by text: shards, damage, and the search for keys."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sfr_train.targets import text_store
from sfr_train.targets.claims import Worker
from sfr_train.targets.text_store import (
    KEY,
    ShardRows,
    TextStore,
    first_places,
    locate,
    shard_name,
    text_key,
    whole_shard,
)


def keys_of(*texts: str) -> Any:
    return np.array([text_key(text) for text in texts], dtype=KEY)


def filled(folder: Path, *shards: list[str], stored_as: str = "float16") -> TextStore:
    store = TextStore(folder, stored_as)
    folder.mkdir()
    with Worker(folder.parent / "work") as worker:
        for number, texts in enumerate(shards):
            rows = np.full((len(texts), 3), number, np.float32) + np.arange(3) / 4
            store.add(keys_of(*texts), rows.astype(np.float32), worker)
    return store


def test_a_shard_gives_back_keys_and_rows(tmp_path: Path) -> None:
    store = filled(tmp_path / "texts", ["one", "two"])
    (shard,) = store.shards().values()
    assert shard.name == shard_name(keys_of("one", "two"))
    assert (shard.count, shard.size, shard.dtype) == (2, 3, "<f2")
    assert shard.keys().tolist() == keys_of("one", "two").tolist()
    assert shard.rows().tolist() == [[0, 0.25, 0.5]] * 2


def test_a_key_may_end_with_zero_bytes() -> None:
    keys = np.frombuffer(b"a" * 14 + b"\0\0" + b"a" * 15 + b"\0" + b"\0" * 16, dtype=KEY)
    assert first_places(keys, np.arange(3)).tolist() == [0, 1, 2]


def test_locate_counts_rows_over_all_shards(tmp_path: Path) -> None:
    store = filled(tmp_path / "texts", ["one", "two"], ["three"], ["two", "four"])
    shards = list(store.shards().values())
    wanted = keys_of("four", "none", "two", "one", "three")
    numbers = locate(wanted, shards)
    assert numbers[1] == -1
    every = np.concatenate([shard.keys() for shard in shards])
    assert every[numbers[[0, 2, 3, 4]]].tolist() == wanted[[0, 2, 3, 4]].tolist()
    assert numbers[2] == np.flatnonzero(every == wanted[2])[0]  # the first shard that has it
    assert locate(wanted, []).tolist() == [-1] * 5
    assert locate(wanted[:0], shards).tolist() == []


@pytest.mark.parametrize("part", [3, 50, 10_000])
def test_ranges_of_hashes_change_no_answer(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, part: int
) -> None:
    texts = [f"text {number % 700}" for number in range(1_000)]
    store = filled(tmp_path / "texts", texts[:200], texts[300:450])
    shards = list(store.shards().values())
    stored = np.concatenate([shard.keys() for shard in shards]).tolist()
    monkeypatch.setattr(text_store, "_PART", part)
    keys = keys_of(*texts)
    expected = [stored.index(key) if key in stored else -1 for key in keys.tolist()]
    assert locate(keys, shards).tolist() == expected
    places = np.arange(100, 1_000)
    assert first_places(keys, places).tolist() == list(range(100, 700)) + list(range(700, 800))


def test_rows_of_many_shards_are_one_array(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(text_store, "_OPEN", 2)
    store = filled(tmp_path / "texts", *([f"{n}", f"{n} more"] for n in range(5)))
    shards = list(store.shards().values())
    rows = ShardRows(shards)
    every = np.concatenate([shard.rows() for shard in shards]).astype(np.float32)
    numbers = np.array([9, 0, 4, 4, 3, 8, 1])
    assert np.array_equal(rows[numbers], every[numbers])
    assert rows[numbers].dtype == np.float32
    assert rows[numbers[:0]].shape == (0, 3)


@pytest.mark.parametrize("length", [0, 5, 31, 32, 60, 75, 77])
def test_a_file_of_another_length_is_no_shard(tmp_path: Path, length: int) -> None:
    store = filled(tmp_path / "texts", ["one", "two"])
    (file,) = store.folder.iterdir()
    content = file.read_bytes()
    assert len(content) == 76
    file.write_bytes((content + b"x")[:length])
    assert whole_shard(file) is None
    assert TextStore(store.folder, "float16").shards() == {}
    file.write_bytes(content)
    assert len(store.shards()) == 1
