"""pytest tests/util/test_parquet.py"""

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from sfr_eval.errors import UserError
from sfr_eval.util.parquet import parquet_rows


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
    assert file.stat().st_size < 10_000
    with pytest.raises(UserError, match="too much for a file of this size"):
        next(parquet_rows(file))


@pytest.mark.parametrize("seed", range(40))
def test_flipped_bytes_are_rows_or_one_line(seed: int, tmp_path: Path) -> None:
    file = tmp_path / "a.parquet"
    columns = {"text": ["a", "b", "é"] * 50, "n": range(150), "when": [0.5] * 150}
    pq.write_table(pa.table(columns), file, compression="zstd")
    raw = bytearray(file.read_bytes())
    draw = np.random.default_rng(seed)
    for place in draw.integers(0, len(raw), 3):
        raw[place] ^= 1 << int(draw.integers(8))
    try:
        assert len([*parquet_rows(file, bytes(raw))]) <= 150
    except UserError as error:
        assert "\n" not in str(error)
