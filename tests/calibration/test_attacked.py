"""Metrics of attacked replies, and along the dial of noise."""

from pathlib import Path
from typing import Any

import pytest

from sfr_eval.calibration.attack_texts import ENGLISH_WORDS
from sfr_eval.calibration.attacked import noise_vocabulary
from sfr_eval.calibration.attacks import attacks_on
from sfr_eval.calibration.draws import Bench
from sfr_eval.embeddings.encoder import Encoder
from sfr_eval.suites.suite import load_suite


def test_every_attack_is_measured_by_every_metric(calibration: dict[str, Any]) -> None:
    attacks = set(attacks_on({}))
    for metric, row in calibration["metrics"].items():
        dials = {"cross", "within"} - set(row["claims"])
        assert row["specificity"].keys() == attacks | dials, metric


def test_copies_and_noise_move_as_they_must(calibration: dict[str, Any]) -> None:
    moves = calibration["metrics"]["self_bleu_4"]["specificity"]
    assert moves["one_text"]["reading"] == "right"
    assert moves["one_text"]["moved"] == pytest.approx(-1, abs=0.1)  # full collapse, by definition
    assert moves["random_words"]["reading"] == "better"
    assert moves["cross"]["reading"] == "better"
    assert calibration["metrics"]["self_bleu_4"]["verdicts"]["specific"]["passed"] is False


def test_noise_begins_at_the_truth(calibration: dict[str, Any]) -> None:
    row = calibration["metrics"]["self_bleu_4"]
    assert row["noise"]["settings"] == [0.0, 0.2, 1.0]
    assert row["noise"]["mean"][0] > row["noise"]["mean"][1] > row["noise"]["mean"][2]
    assert calibration["conditions"]["noise"] == f"{len(ENGLISH_WORDS)} words, English"


def test_noise_is_of_the_words_of_the_encoder(tmp_path: Path) -> None:
    encoder = Encoder(None, tmp_path)
    bench = Bench(suite=load_suite("persona"), encoder=encoder, families=("semantic",), seed=0)
    name, words = noise_vocabulary(bench)
    assert name == encoder.name
    assert len(words) > 20_000
    assert {"house", "的"} <= set(words)
    assert not any(word.startswith(("##", "[")) and len(word) > 2 for word in words)
