"""Counts without encoding equal those of the built targets."""

from pathlib import Path

import numpy as np
import pytest
from sfr_train.targets import blocks, counts
from sfr_train.targets.counts import Counts, count_targets
from sfr_train.targets.segments import TargetSettings

from tests.train.targets.test_cached import WordTokenizer, build, rows

SETTINGS = TargetSettings(k=2, stride=1, minimum=1)


def test_counts_by_hand() -> None:
    data = rows([1, 2, 3], [4], [5, 2, 3])
    found = count_targets(data, tokenizer=WordTokenizer(), settings=SETTINGS)
    assert found == Counts(rows=3, states=4, without=1, texts=2)
    assert found.stored_bytes(8, stored_as="float16") == 2 * (16 + 16) + 4 * 16 + 3 * 8
    assert found.stored_bytes(8, stored_as="float32") == 2 * (16 + 32) + 4 * 16 + 3 * 8


@pytest.mark.parametrize("fill", ["none", "nearest"])
def test_counts_equal_those_of_the_built_targets(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fill: str
) -> None:
    for module in (blocks, counts):
        monkeypatch.setattr(module, "ROWS", 5)
    rng = np.random.default_rng(0)
    data = rows(*(rng.integers(1, 12, size=rng.integers(1, 9)).tolist() for _ in range(18)))
    settings = SETTINGS.model_copy(update={"fill": fill, "stride": 2})
    found = count_targets(data, tokenizer=WordTokenizer(), settings=settings)
    monkeypatch.undo()
    targets = build(data, tmp_path, fill=fill, stride=2)
    assert found == targets.counts
    size = sum(
        file.stat().st_size for file in tmp_path.rglob("*") if file.suffix in {".npy", ".shard"}
    )
    covariance = targets.size**2 * 4
    headers = 32 + 5 * 128  # of one shard and five arrays, and one offset more than rows
    assert size - covariance - headers - 8 == found.stored_bytes(targets.size, stored_as="float32")


def test_no_rows_have_no_targets() -> None:
    empty = rows([1, 2]).select([])
    found = count_targets(empty, tokenizer=WordTokenizer(), settings=SETTINGS)
    assert found == Counts(0, 0, 0, 0)
