"""pytest tests/store/test_given.py"""

from pathlib import Path

from sfr_eval.store.given import FILE, Given, read_given, write_given


def test_rows_come_back_by_sample(tmp_path: Path) -> None:
    rows = [Given(sample_id="a", group=0, score=7.5), Given(sample_id="b", group=1)]
    write_given(tmp_path, rows)
    assert read_given(tmp_path) == {"a": rows[0], "b": rows[1]}


def test_nothing_given_leaves_no_file(tmp_path: Path) -> None:
    assert read_given(tmp_path) == {}
    write_given(tmp_path, [Given(sample_id="a", group=0)])
    write_given(tmp_path, [])
    assert not (tmp_path / FILE).exists()
    assert read_given(tmp_path) == {}
