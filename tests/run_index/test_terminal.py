"""An index on the terminal."""

import os
from pathlib import Path

import pytest

from sfr_eval.run_index.index import index
from sfr_eval.run_index.terminal import index_lines, sparkline
from tests.support.index_data import SIX, copy_run, write_training


def test_a_sparkline_spans_its_ends() -> None:
    assert sparkline([0.0, 0.5, 1.0], low=0, high=1) == "▁▅█"
    assert sparkline([0.3, None, 0.3], low=0.3, high=0.3) == "▄ ▄"


def test_history_says_where_it_began_and_ended(source: Path, tmp_path: Path) -> None:
    write_training(source, tmp_path / "sft", SIX)
    (tmp_path / "broken").mkdir()
    (tmp_path / "broken" / "manifest.json").write_text("{")
    lines = list(index_lines(index(tmp_path)))
    assert lines[0] == "7 runs: 1 damaged, 6 complete"
    assert "broken/manifest.json: damaged; restore it" in lines[1]
    at = lines.index("persona: ROUGE-L of two replies ↓ over steps, T = 1")
    assert lines[at + 1] == "  sft ▁▂▄▇██  0: 0.20 [0.18, 0.23] -> 1,600: 0.45 [0.43, 0.48]"
    assert all(len(line) <= 80 for line in lines[2:])


def test_runs_without_steps_are_only_counted(source: Path, tmp_path: Path) -> None:
    copy_run(source, tmp_path / "base")
    assert list(index_lines(index(tmp_path))) == ["1 run: 1 complete"]


def test_a_folder_that_cannot_be_read_is_named(
    source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    copy_run(source, tmp_path / "base")
    (tmp_path / "closed").mkdir()
    scandir = os.scandir

    def closed(path: str) -> object:
        if Path(path).name == "closed":
            raise PermissionError(path)
        return scandir(path)

    monkeypatch.setattr(os, "scandir", closed)
    lines = list(index_lines(index(tmp_path)))
    closed_line = f"  warning: {tmp_path / 'closed'}: cannot be read; runs in it are missing here"
    assert lines == ["1 run: 1 complete", closed_line]
