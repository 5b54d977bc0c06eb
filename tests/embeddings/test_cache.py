"""pytest tests/embeddings/test_cache.py: the files of embeddings, without a model."""

import os
from pathlib import Path

import numpy as np
import pytest

from sfr_eval.embeddings.cache import EmbeddingStore, text_key
from sfr_eval.errors import UserError

ROWS = np.random.default_rng(0).standard_normal((3_000, 8)).astype(np.float32)
KEYS = [text_key(f"text {number}") for number in range(3_000)]


def filled(folder: Path) -> EmbeddingStore:
    store = EmbeddingStore(folder)
    store.add(KEYS[:1_000], ROWS[:1_000])
    store.add(KEYS[1_000:], ROWS[1_000:])
    return store


def test_rows_come_in_the_order_asked_again_and_again(tmp_path: Path) -> None:
    """Pages of a file are given back after every read; reading them anew must find them."""
    order = np.random.default_rng(1).integers(0, 3_000, 5_000)
    for store in (filled(tmp_path), EmbeddingStore(tmp_path)):
        for _ in range(3):
            np.testing.assert_array_equal(store.rows([KEYS[i] for i in order]), ROWS[order])


def test_what_was_written_is_read_from_its_file_and_not_kept(tmp_path: Path) -> None:
    assert all(isinstance(shard, np.memmap) for shard in filled(tmp_path)._shards)


def test_what_could_not_be_written_is_kept(tmp_path: Path) -> None:
    place = tmp_path / "a file"
    place.touch()
    store = filled(place / "folder")  # no folder can be made inside of a file
    np.testing.assert_array_equal(store.rows(KEYS), ROWS)
    assert not any(isinstance(shard, np.memmap) for shard in store._shards)


def resident_bytes() -> int:
    """Memory of this process that is backed by files."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) * 1_024 for line in lines if line.startswith("RssFile"))


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="reads Linux's /proc")
def test_reading_a_large_cache_does_not_hold_it(tmp_path: Path) -> None:
    large = np.ones((40_000, 384), np.float32)  # 61 MB
    keys = [text_key(str(number)) for number in range(len(large))]
    EmbeddingStore(tmp_path).add(keys, large)
    store = EmbeddingStore(tmp_path)
    before = resident_bytes()
    for start in range(0, len(keys), 4_000):
        store.rows(keys[start : start + 4_000])
    assert resident_bytes() - before < 20e6


@pytest.mark.parametrize("value", [np.nan, np.inf, 1e30])
def test_rows_that_no_encoder_wrote_are_one_line(value: float, tmp_path: Path) -> None:
    filled(tmp_path)
    shard = max(tmp_path.glob("*.npy"), key=lambda file: file.stat().st_size)
    rows = np.load(shard)
    rows[7, 3] = value
    np.save(shard, rows)
    store = EmbeddingStore(tmp_path)
    np.testing.assert_array_equal(store.rows(KEYS[1_100:]), ROWS[1_100:])
    with pytest.raises(UserError, match=r"is damaged \(rows that are not unit vectors\); remove"):
        store.rows(KEYS)


def test_rows_of_two_encoders_are_one_line(tmp_path: Path) -> None:
    filled(tmp_path)
    shard = min(tmp_path.glob("*.npy"), key=lambda file: file.stat().st_size)
    np.save(shard, np.ones((1_000, 9), np.float32))
    with pytest.raises(UserError, match=r"is damaged \(rows of 8 and of 9 numbers\)"):
        EmbeddingStore(tmp_path).rows(KEYS)


@pytest.mark.parametrize("ending", ["keys", "npy"])
def test_nothing_is_waited_for_in_a_cache(ending: str, tmp_path: Path) -> None:
    filled(tmp_path)
    shard = min(tmp_path.glob(f"*.{ending}"), key=lambda file: file.stat().st_size)
    shard.unlink()
    os.mkfifo(shard)
    store = EmbeddingStore(tmp_path)
    assert KEYS[0] not in store
    np.testing.assert_array_equal(store.rows(KEYS[1_000:]), ROWS[1_000:])
