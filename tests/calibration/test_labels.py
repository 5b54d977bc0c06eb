"""Labels of people: three forms of rows, and what is wrong with a file."""

import json
from pathlib import Path
from typing import Any

import pytest

from sfr_eval.calibration.labels import read_labels
from sfr_eval.errors import UserError

SET = {"prompt": "p", "model": "m", "generations": ["a", "b", "c"], "partition": [0, 1, 0]}


def write(folder: Path, *rows: Any) -> Path:
    file = folder / "labels.jsonl"
    file.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return file


def test_pairs_as_they_stand(tmp_path: Path) -> None:
    file = write(
        tmp_path,
        {"a": "x", "b": "y", "same": True, "prompt": "p", "note": "left unread"},
        {"a": "x", "b": "z", "same": False},
    )
    labels = read_labels(file)
    assert [(pair.texts, pair.same) for pair in labels.pairs] == [
        (("x", "y"), True),
        (("x", "z"), False),
    ]
    assert labels.pairs[0].prompt != labels.pairs[1].prompt
    assert labels.sets == []


def test_classes_make_pairs_within_a_prompt_and_a_model(tmp_path: Path) -> None:
    rows = [
        {"prompt": "p", "text": "a", "class": 0, "model": "m"},
        {"query": "p", "text": "b", "class": "1", "model": "m"},
        {"prompt": "p", "text": "c", "class": 0, "model": "m"},
        {"prompt": "p", "text": "d", "class": 0, "model": "n"},
        {"prompt": "q", "text": "e", "class": 0, "model": "m"},
    ]
    labels = read_labels(write(tmp_path, *rows))
    assert {(*pair.texts, pair.same) for pair in labels.pairs} == {
        ("a", "b", False),
        ("a", "c", True),
        ("b", "c", False),
    }
    assert {(s.model, s.prompt): s.classes for s in labels.sets} == {
        ("m", "p"): ("0", "1", "0"),
        ("n", "p"): ("0",),
        ("m", "q"): ("0",),
    }
    assert read_labels(write(tmp_path, SET)).pairs == labels.pairs


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ([{"text": "a"}], r"labels\.jsonl:1: not a labelled row; give a pair"),
        ([["a", "b"]], r"labels\.jsonl:1: not a labelled row"),
        ([SET, {"a": "x", "b": "y", "same": True}], r":2: is of another form than the rows before"),
        ([{"a": "x", "b": "y", "same": "yes"}], r":1: same: .* \(got 'yes'\)"),
        ([{"a": "x", "same": True}], r":1: b: missing; add it"),
        ([{"text": "x", "class": 1}], r":1: prompt: missing; add it"),
        ([{**SET, "partition": [0, 1]}], r":1: partition has 2 classes for 3 generations"),
        ([{**SET, "generations": []}], r":1: generations: "),
        ([{**SET, "partition": [0, 0, 0]}], r"all 3 pairs are the same; both are needed"),
        ([{**SET, "partition": [0, 1, 2]}], r"all 3 pairs are different; both are needed"),
        ([{**SET, "generations": ["a"], "partition": [0]}], r"no two replies to one prompt"),
        ([], r"no two replies to one prompt"),
    ],
)
def test_a_bad_file_is_refused_in_one_line(tmp_path: Path, rows: list[Any], message: str) -> None:
    with pytest.raises(UserError, match=message) as caught:
        read_labels(write(tmp_path, *rows))
    assert "\n" not in str(caught.value)


def test_a_missing_or_broken_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="nowhere"):
        read_labels(tmp_path / "nowhere.jsonl")
    file = tmp_path / "broken.jsonl"
    file.write_text('{"a": \n')
    with pytest.raises(UserError, match=r"broken\.jsonl:1: is not JSON"):
        read_labels(file)
