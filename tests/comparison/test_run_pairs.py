"""pytest tests/comparison/test_run_pairs.py"""

import json
import shutil
from collections.abc import Sequence
from pathlib import Path

import pytest

from sfr_eval.comparison.compare import compare_runs
from sfr_eval.comparison.run_pairs import RunPairs, open_pairs
from sfr_eval.errors import UserError
from sfr_eval.store.sweep_folder import write_sweep
from tests.support.compare_data import write_world_run


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("runs")
    return {
        name: write_world_run(
            folder / name, {"cross": 0.0, "within": dial}, queries=6, temperatures=(1.0,)
        )
        for name, dial in (("a", 0.0), ("b", 0.3), ("c", 0.6))
    }


def sweep_of(run: Path, folder: Path, decoders: Sequence[float]) -> Path:
    """A sweep with copies of a run, which say that they had these values of min_p."""
    members = []
    for value in decoders:
        member = Path(shutil.copytree(run, folder / f"min_p={value:g}"))
        manifest = json.loads((member / "manifest.json").read_text())
        manifest["identity"]["sampling"]["persona"]["min_p"] = value
        (member / "manifest.json").write_text(json.dumps(manifest))
        members.append(member)
    write_sweep(folder, members)
    return folder


def labels(found: RunPairs) -> list[tuple[str, str]]:
    return [(first.label, second.label) for first, second in found.pairs]


def test_each_run_is_paired_with_the_first(runs: dict[str, Path]) -> None:
    assert labels(open_pairs(list(runs.values()))) == [("a", "b"), ("a", "c")]


@pytest.mark.parametrize("is_folder", [False, True])
def test_the_base_is_a_label_or_a_folder(runs: dict[str, Path], is_folder: bool) -> None:
    base = runs["b"] if is_folder else "two"
    found = open_pairs(list(runs.values()), labels=["one", "two", "three"], base=base)
    assert labels(found) == [("two", "one"), ("two", "three")]
    assert [run.label for run in found.runs] == ["two", "one", "three"]


def test_another_base_turns_the_sign_and_no_number(runs: dict[str, Path]) -> None:
    one, two = (compare_runs(runs["a"], runs["c"], base=base) for base in ("a", "c"))
    for (_, row), (_, turned) in zip(one.rows, two.rows, strict=True):
        assert row.delta is not None
        assert turned.delta is not None
        assert (row.first, row.second) == pytest.approx((turned.second, turned.first))
        assert row.delta == pytest.approx(-turned.delta)
        assert row.p_adjusted == turned.p_adjusted


@pytest.mark.parametrize(
    ("names", "message"),
    [
        (["x"], "1 given for 3 runs"),
        (["x", "x", "y"], "comes twice"),
        (["x", " ", "y"], "is empty"),
    ],
)
def test_labels_that_do_not_fit_are_refused(
    runs: dict[str, Path], names: list[str], message: str
) -> None:
    with pytest.raises(UserError, match=message):
        open_pairs(list(runs.values()), labels=names)


def test_a_base_that_is_not_there_is_refused(runs: dict[str, Path]) -> None:
    with pytest.raises(UserError, match="--base d: no such run; known: a, b, c"):
        open_pairs(list(runs.values()), base="d")


def test_two_sweeps_are_compared_decoder_by_decoder(runs: dict[str, Path], tmp_path: Path) -> None:
    one = sweep_of(runs["a"], tmp_path / "one", (0.0, 0.1))
    two = sweep_of(runs["c"], tmp_path / "two", (0.0, 0.1, 0.2))
    found = open_pairs([one, two], labels=["sft", "sfr"])
    assert labels(found) == [
        ("sft (min_p=0)", "sfr (min_p=0)"),
        ("sft (min_p=0.1)", "sfr (min_p=0.1)"),
    ]
    assert found.left_out == (f"Only {two} has min_p=0.2: not compared.",)
    assert labels(open_pairs([one, two], base=two))[0] == ("c (no filters)", "a (no filters)")
    comparison = compare_runs(one, two)
    assert comparison.base is None
    assert found.left_out[0] in comparison.pairs[0].notes
    assert all(pair.mismatches == () for pair in comparison.pairs)


def test_a_sweep_beside_a_run_stands_for_its_runs(runs: dict[str, Path], tmp_path: Path) -> None:
    sweep = sweep_of(runs["c"], tmp_path / "sweep", (0.0, 0.1))
    found = open_pairs([runs["a"], sweep])
    assert len(found.pairs) == 2
    assert {first.folder for first, _ in found.pairs} == {runs["a"]}


def test_sweeps_without_a_common_decoder_are_refused(runs: dict[str, Path], tmp_path: Path) -> None:
    one = sweep_of(runs["a"], tmp_path / "one", (0.0,))
    two = sweep_of(runs["c"], tmp_path / "two", (0.1,))
    with pytest.raises(UserError, match="no decoder in common"):
        open_pairs([one, two])


def test_an_unfinished_sweep_says_what_to_do(runs: dict[str, Path], tmp_path: Path) -> None:
    sweep = sweep_of(runs["a"], tmp_path / "sweep", (0.0, 0.1))
    shutil.rmtree(sweep / "min_p=0.1")
    with pytest.raises(UserError, match=r"not finished \(min_p=0.1 missing\); repeat the run"):
        compare_runs(sweep)
