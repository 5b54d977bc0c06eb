"""Columns are computed once, in pieces that a restart keeps."""

import os
import signal
from pathlib import Path
from typing import Any

import datasets
import pytest
import sfr_train.data.pieces as pieces
from datasets import Features, Value
from datasets.arrow_writer import ArrowWriter
from sfr_train.data.pieces import folder_of, key_of, mapped

from sfr_eval.errors import RunError

FEATURES = Features({"square": Value("int64")})


def table(folder: Path, rows: int = 25) -> Any:
    features = Features({"number": Value("int64")})
    with ArrowWriter(features=features, path=str(folder / "rows.arrow")) as writer:
        for number in range(rows):
            writer.write({"number": number})
        writer.finalize()
    return datasets.Dataset.from_file(str(folder / "rows.arrow"))


def _square(rows: Any, numbers: list[int], *, log: Path, limit: int = 99) -> dict[str, Any]:
    assert rows["number"] == numbers
    with log.open("a") as stream:
        stream.write("".join(f"{number}\n" for number in numbers))
    if numbers[-1] >= limit:
        raise RuntimeError("killed")
    return {"square": [number * number for number in numbers]}


def squares(rows: Any, log: Path, **others: Any) -> list[int]:
    values: dict[str, Any] = {"key": "k", "what": "square rows", "features": FEATURES}
    arguments = {"log": log, **others.pop("arguments", {})}
    result = mapped(rows, _square, arguments=arguments, **{**values, **others})
    assert result.column_names == ["square"]
    return list(result["square"])


def test_what_is_done_is_not_done_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pieces, "PIECE", 10)
    log, rows = tmp_path / "log", table(tmp_path)
    with pytest.raises(RuntimeError, match="killed"):
        squares(rows, log, arguments={"limit": 20})
    assert len(log.read_text().splitlines()) == 25
    expected = [number * number for number in range(25)]
    assert squares(rows, log) == expected
    assert log.read_text().splitlines()[25:] == [str(number) for number in range(20, 25)]
    assert squares(rows, log) == expected
    assert len(log.read_text().splitlines()) == 30
    assert squares(rows, log, key="other") == expected
    assert len(log.read_text().splitlines()) == 55


def test_several_processes_give_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pieces, "PIECE", 10)
    rows = table(tmp_path)
    assert squares(rows, tmp_path / "log", processes=2) == [number * number for number in range(25)]
    files = {file.name for file in tmp_path.glob("square-k/*.arrow")}
    assert len(files) == 6  # two of each piece, which a later single process uses
    assert squares(rows, tmp_path / "none") == [number * number for number in range(25)]
    assert not (tmp_path / "none").exists()


def _square_or_die(rows: Any, numbers: list[int]) -> dict[str, Any]:
    if numbers[-1] == 24:
        os.kill(os.getpid(), signal.SIGKILL)
    return {"square": rows["number"]}


def test_a_process_that_is_killed_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(RunError, match=r"was to square rows was killed, .*; what is done is kept"):
        mapped(table(tmp_path), _square_or_die, key="k", what="square rows", features=FEATURES,
               arguments={}, processes=2)  # fmt: skip


def test_what_a_process_left_unfinished_is_removed(tmp_path: Path) -> None:
    place = tmp_path / "square-k"
    place.mkdir()
    (place / "tmp1234").write_text("half")
    squares(table(tmp_path), tmp_path / "log")
    assert [file.name for file in place.iterdir()] == ["00000.arrow"]


def test_rows_in_memory_leave_no_file(tmp_path: Path) -> None:
    rows = datasets.Dataset.from_dict({"number": [0, 1, 2]})
    assert folder_of(rows) is None
    assert squares(rows, tmp_path / "log") == [0, 1, 4]
    assert [file.name for file in tmp_path.iterdir()] == ["log"]


def test_a_key_tells_parts_apart() -> None:
    assert key_of("ab", "c") != key_of("a", "bc")
    assert key_of(None) != key_of("") != key_of(0) == key_of("0")
