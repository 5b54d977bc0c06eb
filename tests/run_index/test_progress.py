"""Counting the replies of a run that is still going."""

from pathlib import Path

from sfr_eval.run_index.progress import LineCounter, replies_on_disk


def test_whole_lines_of_all_sessions_are_counted(tmp_path: Path) -> None:
    (tmp_path / "samples").mkdir()
    (tmp_path / "samples" / "0001.jsonl").write_text("{}\n{}\n")
    (tmp_path / "samples" / "0002.jsonl").write_text("{}\n{")  # torn
    (tmp_path / "samples" / "notes.txt").write_text("1\n2\n")
    assert replies_on_disk(tmp_path) == 3


def test_no_folder_is_no_replies(tmp_path: Path) -> None:
    assert replies_on_disk(tmp_path) == 0


def test_a_growing_file_is_read_on_from_its_end(tmp_path: Path) -> None:
    file, counter = tmp_path / "0001.jsonl", LineCounter()
    file.write_bytes(b"{}\n{}\n{")
    assert counter.lines(file) == 2
    with file.open("ab") as stream:
        stream.write(b"}\n{}\n")
    assert counter.lines(file) == 4
    file.write_bytes(b"{}\n")  # replaced by a shorter one
    assert counter.lines(file) == 1
    file.unlink()
    assert counter.lines(file) == 0
