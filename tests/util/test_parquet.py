"""pytest tests/util/test_parquet.py"""

import contextlib
import hashlib
import random
import resource
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from sfr_eval.errors import UserError
from sfr_eval.util import parquet
from sfr_eval.util.limited import excess
from sfr_eval.util.parquet import own_rows, own_table, parquet_rows, write_own


def test_rows_come_back_with_their_places(tmp_path: Path) -> None:
    file = tmp_path / "a.parquet"
    pq.write_table(pa.table({"text": ["a", "b"], "n": [1, None]}), file)
    assert [*parquet_rows(file)] == [
        (f"{file}: row 1", {"text": "a", "n": 1}),
        (f"{file}: row 2", {"text": "b", "n": None}),
    ]
    assert len([*parquet_rows(file, file.read_bytes())]) == 2


def test_a_file_of_endless_equal_rows_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "bomb.parquet"
    pq.write_table(pa.table({"n": np.zeros(5_000_000, np.int8)}), file)
    assert file.stat().st_size < 50_000
    with pytest.raises(UserError, match="too much for a file of this size"):
        next(parquet_rows(file))


def long_text(rows: int) -> pa.Table:
    return pa.table({"text": pa.array(["x" * 2**24]).dictionary_encode().take([0] * rows)})


BOMBS = {
    "a long text in every row": (lambda: long_text(200), {}),
    "which the file calls a plain text": (lambda: long_text(200), {"store_schema": False}),
    "texts that begin alike": (
        lambda: pa.table({"text": [f"{'x' * 2**20}{n}" for n in range(500)]}),
        {"use_dictionary": False, "column_encoding": "DELTA_BYTE_ARRAY"},
    ),
    "a list of nothing": (lambda: pa.table({"n": [[None] * 20_000_000]}), {}),
    "lists of equal numbers": (lambda: pa.table({"n": [[[7]] * 100_000] * 100}), {}),
    "mappings": (lambda: pa.table({"m": [[{"role": "u", "text": "x" * 1_000}] * 200_000]}), {}),
    "short rows, each small": (
        lambda: pa.table({"text": pa.array(["x" * 20_000]).dictionary_encode().take([0] * 90_000)}),
        {},
    ),
}


@pytest.mark.parametrize("case", BOMBS)
def test_a_value_written_once_for_many_is_refused(case: str, tmp_path: Path) -> None:
    make, options = BOMBS[case]
    file = tmp_path / "bomb.parquet"
    pq.write_table(make(), file, compression="zstd", **options)
    assert file.stat().st_size < 2**20
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises(UserError, match="too much for a file of this size"):
        next(parquet_rows(file))
    with pytest.raises(UserError, match="too much for a file of this size"):
        own_table(file)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 200 * 2**10


def test_one_reply_many_times_over_is_no_bomb(tmp_path: Path) -> None:
    file = tmp_path / "collapsed.parquet"
    table = {"id": [f"{random.getrandbits(128):032x}" for _ in range(20_000)]}
    pq.write_table(pa.table({**table, "text": ["again " * 2_000] * 20_000}), file)
    texts = {id(row["text"]) for row in own_rows(file)}
    assert (len(texts), file.stat().st_size < 2**20) == (1, True)


@pytest.fixture
def trials(monkeypatch: pytest.MonkeyPatch) -> list[str | None]:
    """What came of each trial."""
    ended: list[str | None] = []

    def counted(*arguments: Any, **limits: Any) -> str | None:
        ended.append(excess(*arguments, **limits))
        return ended[-1]

    monkeypatch.setattr(parquet, "excess", counted)
    monkeypatch.setattr(parquet, "_harmless", set())
    return ended


def test_equal_contents_are_tried_once(tmp_path: Path, trials: list[str | None]) -> None:
    for name, text in (("a", "x"), ("b", "x"), ("c", "y")):
        pq.write_table(pa.table({"text": [text]}), tmp_path / f"{name}.parquet")
        assert own_table(tmp_path / f"{name}.parquet").num_rows == 1
    assert trials == [None, None]
    assert len([*own_rows(tmp_path / "a.parquet")]) == 1  # which allows more
    assert trials == [None, None, None]


def test_what_is_refused_is_refused_again(tmp_path: Path, trials: list[str | None]) -> None:
    file = tmp_path / "bomb.parquet"
    pq.write_table(long_text(200), file)
    for _ in range(2):
        with pytest.raises(UserError, match="too much for a file of this size"):
            own_table(file)
    assert len(trials) == 2
    assert None not in trials


def test_what_was_written_here_is_tried_if_it_is_large(
    tmp_path: Path, trials: list[str | None], monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "own.parquet"
    table = pa.table({"text": ["x" * 1000] * 5})
    digest = write_own(table, file)
    assert digest == hashlib.sha256(file.read_bytes()).hexdigest()
    assert own_table(file) == table
    assert len([*own_rows(file)]) == 5
    assert trials == []
    monkeypatch.setattr(parquet, "_harmless", set())
    monkeypatch.setattr(parquet, "_SMALL", 4000)
    write_own(table, file)
    own_table(file)
    assert trials == [None]


@pytest.mark.parametrize("seed", range(40))
def test_flipped_bytes_are_rows_or_one_line(seed: int, tmp_path: Path) -> None:
    file = tmp_path / "a.parquet"
    columns = {"text": ["a", "b", "é"] * 50, "n": range(150), "when": [0.5] * 150}
    pq.write_table(pa.table(columns), file, compression="zstd")
    raw = bytearray(file.read_bytes())
    draw = np.random.default_rng(seed)
    for place in draw.integers(0, len(raw), 3):
        raw[place] ^= 1 << int(draw.integers(8))
    with contextlib.suppress(UserError):  # and nothing else
        assert len([*parquet_rows(file, bytes(raw))]) <= 150
