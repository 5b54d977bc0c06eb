"""The measures against labels whose answer is known."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner

from sfr_eval.calibration.validity import validity
from sfr_eval.cli import app
from sfr_eval.embeddings.encoder import Encoder
from sfr_eval.errors import UserError

NOUNS = ["apple", "bridge", "candle", "doctor", "engine"]


@pytest.fixture(scope="module")
def labels(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Five models answer twelve prompts six times with 1 to 5 different nouns; replies of a class
    share ten words of twelve, replies of different classes none."""
    generator = np.random.default_rng(0)
    rows = []
    for prompt in range(12):
        for model in range(5):
            classes = [i % (model + 1) for i in range(6)]
            texts = [
                " ".join([NOUNS[c]] * 10 + [f"w{x}" for x in generator.integers(9_999, size=2)])
                for c in classes
            ]
            rows.append(
                {
                    "id": f"x-{prompt}",
                    "prompt": f"Name a thing, {prompt}.",
                    "model": f"model-{model}",
                    "generations": texts,
                    "partition": classes,
                }
            )
    file = tmp_path_factory.mktemp("labels") / "labels.jsonl"
    file.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return file


@pytest.fixture(scope="module")
def result(labels: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    encoder = Encoder(None, tmp_path_factory.mktemp("cache"))
    return validity(labels, encoder=encoder, families=("text", "lexical"))


def test_counts_of_what_was_labelled(result: dict[str, Any]) -> None:
    assert result["pairs"] == {"labelled": 12 * 5 * 15, "measured": 900}
    # Same pairs of 1 to 5 classes among 6 replies: 15, 6, 3, 2, 1 of 15.
    assert result["same"] == pytest.approx(27 / 75)
    assert result["classes_among"] == 6
    assert result["models"] == [f"model-{i}" for i in range(5)]
    assert json.loads(json.dumps(result, allow_nan=False)) == result


def test_known_classes_are_told_apart_and_ranked(result: dict[str, Any]) -> None:
    for metric in ("self_bleu_1", "distinct_1", "rouge_l_homogenization"):
        entry = result["metrics"][metric]
        assert entry["separation"]["auc"]["value"] == 1, metric
        assert entry["separation"]["sensitivity"]["value"] == 1
        assert entry["separation"]["specificity"]["value"] == 1
        if metric == "self_bleu_1":
            continue  # does not rank: with 1, 2 or 3 classes, every reply has another like it
        assert entry["ranks"]["over_models"]["value"] == pytest.approx(1)
        assert entry["ranks"]["within_prompt"]["value"] == pytest.approx(1)
    rouge = result["metrics"]["rouge_l_homogenization"]["separation"]["cut"]
    assert 0 < rouge["value"] < 10 / 12  # 10 of 12 words are shared, or none
    assert rouge["low"] <= rouge["value"] <= rouge["high"]


def test_a_measure_blind_to_classes_is_a_coin(result: dict[str, Any]) -> None:
    entry = result["metrics"]["duplicate_rate"]  # no two texts are equal
    assert entry["separation"]["auc"]["value"] == 0.5
    assert entry["ranks"]["over_models"] is None


def test_measures_of_more_than_two_have_ranks_only(result: dict[str, Any]) -> None:
    entry = result["metrics"]["self_bleu_1_fixed"]
    assert entry["pairs"] == 0
    assert entry["separation"] is None


def test_families_that_need_more_are_refused(labels: Path, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="--metrics style: needs more than labels; choose from"):
        validity(labels, encoder=Encoder(None, tmp_path), families=("style",))


def test_the_command_prints_and_writes_it(labels: Path, tmp_path: Path) -> None:
    options = ["--metrics", "text", "--output", str(tmp_path / "out")]
    shown = CliRunner().invoke(app, ["calibrate", "--labels", str(labels), *options])
    assert shown.exit_code == 0, shown.output
    assert "900 of 900 pairs, 36% labelled the same, prompts: 12, models: 5" in shown.output
    assert "duplicate_rate" in shown.output
    stored = json.loads((tmp_path / "out" / "validity.json").read_text())
    printed = CliRunner().invoke(app, ["calibrate", "--labels", str(labels), *options, "--json"])
    assert json.loads(printed.stdout)["metrics"] == stored["metrics"]


def test_the_command_refuses_a_bad_file_in_one_line(tmp_path: Path) -> None:
    file = tmp_path / "bad.jsonl"
    file.write_text('{"text": "a"}\n')
    error = CliRunner().invoke(app, ["calibrate", "--labels", str(file)]).exception
    assert isinstance(error, UserError)
    assert str(error).startswith(f"{file}:1: not a labelled row; give a pair")


def test_the_encoder_tells_meanings_apart(tmp_path: Path, encoder: Encoder) -> None:
    file = tmp_path / "pairs.jsonl"
    same = [("I like dogs.", "Dogs are nice, I like them."), ("It rains.", "Rain is falling.")]
    different = [("I like dogs.", "The stock market fell."), ("It rains.", "Add two eggs.")]
    rows = [{"a": a, "b": b, "same": True} for a, b in same]
    rows += [{"a": a, "b": b, "same": False} for a, b in different]
    file.write_text("".join(json.dumps(row) + "\n" for row in rows))
    entry = validity(file, encoder=encoder, families=("semantic",))["metrics"]["embed_distance"]
    assert entry["separation"]["auc"]["value"] == 1
    assert entry["ranks"] is None
