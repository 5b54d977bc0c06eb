"""Which comparison pages a run is on."""

import json
import os
from pathlib import Path

from sfr_eval.run_index.pages import comparison_pages
from sfr_eval.run_index.tree import find_tree


def compare(folder: Path, runs: list[str], *, page: bool = True) -> Path:
    folder.mkdir(parents=True)
    content = {"format": 2, "alpha": 0.05, "runs": [{"label": r, "folder": r} for r in runs]}
    (folder / "comparison.json").write_text(json.dumps(content | {"pairs": []}, indent=1))
    if page:
        (folder / "compare.html").touch()
    return folder / "compare.html"


def runs(root: Path, *names: str) -> list[str]:
    for name in names:
        (root / name).mkdir(parents=True)
        (root / name / "manifest.json").write_text("{}")
    return [os.path.abspath(root / name) for name in names]


def test_a_run_is_on_the_pages_that_name_its_folder(tmp_path: Path) -> None:
    a, b, c = runs(tmp_path, "a", "b", "c")
    one = compare(tmp_path / "compare-1", [a, b])
    two = compare(tmp_path / "compare-2", [a, c])
    assert comparison_pages(find_tree([tmp_path])) == {a: (one, two), b: (one,), c: (two,)}


def test_a_tree_that_was_moved_is_matched_by_its_endings(tmp_path: Path) -> None:
    a, b, _ = runs(tmp_path, "sft/a", "sfr/a", "b")
    page = compare(tmp_path / "compare-1", ["runs/sft/a", "../old/runs/sft/a", "sft/a"])
    assert comparison_pages(find_tree([tmp_path])) == {a: (page,)}
    compare(tmp_path / "compare-2", ["a"])  # which of the two?
    assert b not in comparison_pages(find_tree([tmp_path]))


def test_damaged_and_pageless_comparisons_are_passed_over(tmp_path: Path) -> None:
    (a,) = runs(tmp_path, "a")
    compare(tmp_path / "compare-1", [a], page=False)
    for number, text in enumerate(
        ("", '{"runs": 3}', '{"runs": [{}]}', '{"runs": [{"folder": 1}]}')
    ):
        compare(tmp_path / f"bad-{number}", [])
        (tmp_path / f"bad-{number}" / "comparison.json").write_text(text)
    assert comparison_pages(find_tree([tmp_path])) == {}
