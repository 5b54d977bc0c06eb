"""Finding run folders: what is not one stands in nobody's way."""

import os
import time
from pathlib import Path

import pytest

from sfr_eval.errors import UserError
from sfr_eval.run_index.tree import find_tree


def run_in(folder: Path) -> Path:
    (folder / "samples").mkdir(parents=True)
    (folder / "manifest.json").write_text("{}")
    return folder


def test_runs_are_found_at_any_depth_in_natural_order(tmp_path: Path) -> None:
    for name in ("sft/checkpoint-1000", "sft/checkpoint-200", "base", "deep/er/still/run"):
        run_in(tmp_path / name)
    tree = find_tree([tmp_path])
    places = ["base", "deep/er/still/run", "sft/checkpoint-200", "sft/checkpoint-1000"]
    assert [tree.place(run) for run in tree.runs] == places
    assert tree.common == tmp_path


def test_several_folders_share_their_common_one(tmp_path: Path) -> None:
    runs = [run_in(tmp_path / "a" / "x"), run_in(tmp_path / "b" / "y")]
    tree = find_tree([tmp_path / "a", tmp_path / "b", runs[0]])
    assert tree.runs == tuple(runs)  # named twice, listed once
    assert [tree.place(run) for run in tree.runs] == ["a/x", "b/y"]
    assert find_tree([runs[0]]).place(runs[0]) == "x"


def test_hidden_folders_and_what_is_in_a_run_are_left_out(tmp_path: Path) -> None:
    run = run_in(tmp_path / "run")
    run_in(run / "samples" / "inner")
    run_in(tmp_path / ".trash" / "old")
    assert find_tree([tmp_path]).runs == (run,)


def test_links_that_lead_out_are_not_followed(tmp_path: Path) -> None:
    run_in(tmp_path / "elsewhere" / "run")
    inside = tmp_path / "inside"
    run = run_in(inside / "run")
    (inside / "out").symlink_to(tmp_path / "elsewhere")
    (inside / "circle").symlink_to(inside)
    (inside / "fake").mkdir()
    (inside / "fake" / "manifest.json").symlink_to(run / "manifest.json")
    assert find_tree([inside]).runs == (run,)


@pytest.mark.parametrize("error", [FileNotFoundError, PermissionError])
def test_an_unreadable_folder_is_named_and_passed_over(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: type[OSError]
) -> None:
    run, gone = run_in(tmp_path / "run"), tmp_path / "gone"
    gone.mkdir()
    scandir = os.scandir

    def vanishing(path: str) -> object:
        if Path(path) == gone:
            raise error(path)
        return scandir(path)

    monkeypatch.setattr(os, "scandir", vanishing)
    tree = find_tree([tmp_path])
    assert (tree.runs, tree.unreadable) == ((run,), (gone,))


def test_ten_thousand_other_files_cost_little(tmp_path: Path) -> None:
    for number in range(100):
        folder = tmp_path / f"data-{number}"
        folder.mkdir()
        for file in range(100):
            (folder / f"{file}.bin").touch()
    run = run_in(tmp_path / "run")
    start = time.perf_counter()
    assert find_tree([tmp_path]).runs == (run,)
    assert time.perf_counter() - start < 2


def test_a_missing_folder_and_a_file_are_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no such folder; name run folders"):
        find_tree([tmp_path / "runs"])
    (tmp_path / "file").touch()
    with pytest.raises(UserError, match="is a file, not a folder"):
        find_tree([tmp_path / "file"])
