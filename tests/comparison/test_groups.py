"""pytest tests/comparison/test_groups.py"""

from pathlib import Path

import pytest

from sfr_eval.comparison.groups import equal_weights, open_groups, parse_groups
from sfr_eval.errors import UserError
from tests.support.compare_data import write_code_run

RIGHT = {"p0": [True, False], "p1": [True, True]}


def runs(folder: Path, *names: str) -> list[Path]:
    return [write_code_run(folder / name, RIGHT) for name in names]


def test_patterns_become_run_folders_in_natural_order(tmp_path: Path) -> None:
    runs(tmp_path, "sft-10", "sft-2", "sft-b", "other", "a[1]")
    (tmp_path / "sft-plots").mkdir()  # not a run
    (tmp_path / "sft-notes.txt").write_text("")
    groups = parse_groups(
        [f"sft = {tmp_path}/sft-*, {tmp_path}/other", f"sfr={tmp_path}/a[1],missing"]
    )
    assert {name: [path.name for path in paths] for name, paths in groups.items()} == {
        "sft": ["sft-2", "sft-10", "sft-b", "other"],
        "sfr": ["a[1]", "missing"],  # a folder may have brackets; what is missing is found later
    }


@pytest.mark.parametrize(
    ("texts", "message"),
    [
        (["sft=none-*"], "--group sft: none-* matches no run folder"),
        (["sft"], "--group sft: write it as NAME=FOLDER,FOLDER,..."),
        (["sft= ,"], "write it as NAME=FOLDER,FOLDER,..."),
        (["=a,b"], "write it as NAME=FOLDER,FOLDER,..."),
        (["sft=a", "sft=b"], "--group sft: named twice"),
    ],
)
def test_what_is_no_group_is_refused_in_one_line(texts: list[str], message: str) -> None:
    with pytest.raises(UserError) as error:
        parse_groups(texts)
    assert message in str(error.value)
    assert "\n" not in str(error.value)


def test_runs_stand_in_one_group_and_once(tmp_path: Path) -> None:
    a, b, c = runs(tmp_path, "a", "b", "c")
    link = tmp_path / "link"
    link.symlink_to(a)
    opened = open_groups({"one": [a, b], "two": [c]})
    assert [(group.name, [run.label for run in group.runs]) for group in opened] == [
        ("one", ["a", "b"]),
        ("two", ["c"]),
    ]
    assert [group.is_one_training for group in opened] == [False, True]
    for groups, message in (
        ({"one": [a, a], "two": [c]}, "--group one: .*a comes twice"),
        ({"one": [a, b], "two": [link]}, "--group two: .*a is in one, too"),
        ({"one": [a, b]}, "1 given; two or more are needed"),
        ({"one": [a], "two": []}, "--group two: holds no run"),
        ({"one": [a], "two": [tmp_path / "missing"]}, "missing"),
    ):
        with pytest.raises(UserError, match=message):
            open_groups(groups)


def test_means_over_runs_are_of_shared_prompts(tmp_path: Path) -> None:
    a = write_code_run(tmp_path / "a", {"p": [True, True], "q": [False, False]})
    b = write_code_run(tmp_path / "b", {"p": [False, True]})
    group, _ = open_groups({"one": [a, b], "two": runs(tmp_path, "c")})
    means = group.means("programs")
    assert means("pass_at_1") == {1.0: {("p", ""): 0.75}}
    assert means("length") == {}


def test_one_training_seen_twice_is_noticed(tmp_path: Path) -> None:
    same = {"name": "model", "fingerprint": "f"}
    other = {"p0": [False, False], "p1": [True, True]}
    a = write_code_run(tmp_path / "a", RIGHT, model=same)
    b = write_code_run(tmp_path / "b", other)
    c = write_code_run(tmp_path / "c", {"p0": [True, True], "p1": [False, False]}, model=same)
    d, e = runs(tmp_path, "d", "e")
    group, _ = open_groups({"one": [a, b, c, d], "two": [e]})
    assert [str(same) for same in equal_weights(group)] == [
        "one: one training counted twice, with the same weights: a and c",
        "one: one training counted twice, with the same replies: a and d",
    ]
