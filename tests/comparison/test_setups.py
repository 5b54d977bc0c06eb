"""pytest tests/comparison/test_setups.py"""

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from sfr_eval.comparison.runs import ScoredRun, open_runs
from sfr_eval.comparison.setups import (
    apart_in,
    other_decoders,
    same_texts,
    same_weights,
    setup_differences,
)
from tests.support.compare_data import write_world_run

Change = Callable[[dict[str, Any]], None]


@pytest.fixture
def pair(tmp_path: Path) -> Callable[[Change], Sequence[ScoredRun]]:
    """A change of the second manifest -> two runs of the same replies."""

    def open_with(change: Change) -> Sequence[ScoredRun]:
        folders = [
            write_world_run(
                tmp_path / name, {}, queries=2, samples=2, families=("text",), temperatures=(1.0,)
            )
            for name in ("one", "two")
        ]
        file = folders[1] / "manifest.json"
        manifest = json.loads(file.read_text())
        change(manifest)
        file.write_text(json.dumps(manifest))
        return open_runs(folders)

    return open_with


def test_equal_setups_are_apart_in_nothing(
    pair: Callable[[Change], Sequence[ScoredRun]],
) -> None:
    one, two = pair(lambda manifest: None)
    assert setup_differences(one, two) == []
    assert apart_in(one, two) == []
    assert other_decoders(one, two) is None
    assert same_weights(one, two)
    assert same_texts(one, two)


def test_all_that_differs_is_named(pair: Callable[[Change], Sequence[ScoredRun]]) -> None:
    def change(manifest: dict[str, Any]) -> None:
        manifest["identity"] |= {"dtype": "float16", "seed": 3}
        manifest["identity"]["sampling"]["persona"]["top_p"] = 0.9

    one, two = pair(change)
    (dtype,) = setup_differences(one, two)
    assert (dtype.what, dtype.second) == ("dtype", "float16")
    assert other_decoders(one, two) == ("no filters", "top_p=0.9")
    assert apart_in(one, two) == ["dtype", "decoder", "seed"]


def test_what_one_run_does_not_know_is_no_difference(
    pair: Callable[[Change], Sequence[ScoredRun]],
) -> None:
    def change(manifest: dict[str, Any]) -> None:
        manifest["identity"] |= {"dtype": None, "sampling": "unknown"}

    one, two = pair(change)
    assert setup_differences(one, two) == []
    assert other_decoders(one, two) is None
