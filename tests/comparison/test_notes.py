"""pytest tests/comparison/test_notes.py"""

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from sfr_eval.comparison.compare import compare_runs
from sfr_eval.comparison.result import Pair
from tests.support.compare_data import write_world_run


@pytest.fixture(scope="module")
def truth(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """14 queries, 3 personas, 4 replies at T = .6 and 1."""
    return write_world_run(
        tmp_path_factory.mktemp("notes") / "truth",
        {},
        families=("text", "facts"),
        temperatures=(0.6, 1.0),
    )


def pair_of(first: Path, second: Path, *, allow_mismatch: bool = False) -> Pair:
    (pair,) = compare_runs(first, second, allow_mismatch=allow_mismatch).pairs
    return pair


def copy(folder: Path, to: Path, change: Callable[[list[dict[str, object]]], None]) -> Path:
    """A copy whose estimates were changed."""
    copied = Path(shutil.copytree(folder, to))
    results = json.loads((copied / "results.json").read_text())
    change(results["estimates"])
    (copied / "results.json").write_text(json.dumps(results))
    return copied


def test_two_arithmetics_are_compared_and_named(truth: Path, tmp_path: Path) -> None:
    embedded = []
    for backend in ("float32", "bfloat16", "onnx"):

        def signed(rows: list[dict[str, object]], backend: str = backend) -> None:
            for row in rows:
                row["signature"] = f"{row['signature']}|encoder_backend:{backend}"

        embedded.append(copy(truth, tmp_path / backend, signed))
    pair = pair_of(*embedded[:2])
    assert pair.mismatches == ()
    (line,) = [line for line in pair.notes if "encoder-backend" in line]
    assert "float32 was embedded in float32, bfloat16 in bfloat16" in line
    assert not [line for line in pair_of(truth, truth).notes if "encoder-backend" in line]
    pair = pair_of(embedded[0], embedded[2], allow_mismatch=True)
    assert "encoder_backend: float32 and onnx" in str(pair.mismatches[0])


def test_what_only_one_run_has_is_named(truth: Path, tmp_path: Path) -> None:
    def without(rows: list[dict[str, object]]) -> None:
        rows[:] = [row for row in rows if row["metric"] != "length"]

    pair = pair_of(truth, copy(truth, tmp_path / "other", without))
    assert "persona: only truth has length (1 metrics): not compared." in pair.notes
    assert not any("only" in line for line in pair.warnings)


def test_one_run_seen_twice_is_a_warning_and_no_note(truth: Path) -> None:
    pair = pair_of(truth, truth)
    assert "Both runs hold the same replies: one run, seen twice." in pair.warnings
    assert pair.notes == ()
