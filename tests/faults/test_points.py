"""pytest tests/faults/test_points.py: which operations are disturbed, and which states are one."""

from pathlib import Path

from tests.support.crash.points import Operation, points, turns
from tests.support.crash.trees import state_of

PART = ".0123456789abcdef.part"


def replaced(name: str) -> list[Operation]:
    temporary = f"/w/.{name}{PART}"
    own = [Operation(step, temporary) for step in ("open", "open", "write", "write", "fsync")]
    after = [Operation("unlink", temporary), Operation("fsync", "/w")]
    return [*own, Operation("rename", f"/w/{name}"), *after]


def test_of_each_replaced_file_one_before_and_one_after_in_turn() -> None:
    files = [replaced(f"page-{number}") for number in range(6)]
    chosen = points([operation for file in files for operation in file])
    assert chosen == [1, 7, 10, 16, 19, 23, 28, 32, 37, 39, 46, 48]
    assert {at % 8 for at in chosen} == set(range(8))


def test_other_operations_are_all_disturbed_rows_at_their_ends() -> None:
    rows = [Operation("write", "/w/rows.jsonl")] * 9
    inside = replaced("samples.parquet")
    inside.insert(4, Operation("unlink", "/w/results.json"))
    operations = [Operation("mkdir", "/w"), *rows, *inside, Operation("open", "/w/lock")]
    assert points(operations) == [1, 2, 10, 11, 15, 18, 20]
    assert turns(operations) == [1, 2, 10, 11, 12, 13, 14, 15, 16, 17, 18, 20]


def test_states_are_one_if_the_same_is_to_be_done(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("1")
    (tmp_path / "b").mkdir()
    clean = state_of(tmp_path)
    (tmp_path / "b" / f".page{PART}").write_text("ha")
    half = state_of(tmp_path)
    (tmp_path / "b" / f".page{PART}").rename(tmp_path / "b" / f".other{PART}")
    assert half == state_of(tmp_path)
    assert half.covers(clean)
    assert not clean.covers(half)
    (tmp_path / ".states-0123456789abcdef").mkdir()
    assert not half.covers(state_of(tmp_path))
    (tmp_path / "a").write_text("2")
    assert not state_of(tmp_path).covers(clean)
