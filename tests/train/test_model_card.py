"""The card beside trained weights."""

from pathlib import Path

import yaml
from sfr_train.job_file import Fingerprints, job_file
from sfr_train.model_card import model_card, write_record


def test_the_card_names_what_trained_the_weights(tmp_path: Path) -> None:
    settings = {
        "name": "x",
        "model": "Qwen/Qwen3-0.6B",
        "revision": "abc",
        "data": {"file": "a.jsonl", "dataset": None, "world": None},
        "objective": {"name": "sfr", "width": 8},
        "schedule": {"weight": 3.0},
        "targets": {"k": 12},
        "average": {"kind": "wise", "alpha": 0.5},
        "lora": {"r": 4},
        "training": {
            "max_steps": -1,
            "num_train_epochs": 2.0,
            "learning_rate": 1e-5,
            "lr_scheduler_type": "cosine",
            "seed": 7,
        },
    }
    record = job_file(
        settings,
        fingerprints=Fingerprints(rows="r", model="w"),
        rows=1200,
        held_out=30,
        rows_a_step=64,
        processes=8,
    )
    write_record(record, tmp_path / "new")
    text = (tmp_path / "new" / "README.md").read_text()
    header = yaml.safe_load(text.split("---")[1])
    assert header["base_model"] == "Qwen/Qwen3-0.6B"
    assert header["library_name"] == "peft"
    for part in (
        "`sfr` width 8",
        "`Qwen/Qwen3-0.6B` at abc",
        "1,200 rows (`a.jsonl`), 30 held out",
        "2 epochs of 64 rows, learning rate 1e-05 (cosine), seed 7, 8 processes",
        "weight 3.0",
        "| targets | k 12 |",
        '| average of weights | kind "wise", alpha 0.5 |',
        record.digest,
    ):
        assert part in text
    assert (tmp_path / "new" / "job.json").is_file()


def test_a_schedule_is_named_only_where_it_has_a_part(tmp_path: Path) -> None:
    """TOFU has no loss on the future: its weight and targets say nothing of the model."""
    settings = {
        "name": "x",
        "model": "m",
        "revision": None,
        "data": {"file": "a.jsonl"},
        "objective": {"name": "tofu", "gamma": 3.0},
        "schedule": {"weight": 1.0},
        "targets": {"k": 64},
        "training": {
            "max_steps": 9,
            "learning_rate": 1e-5,
            "lr_scheduler_type": "linear",
            "seed": 7,
        },
    }
    record = job_file(
        settings,
        fingerprints=Fingerprints(rows="r", model="w"),
        rows=12,
        held_out=0,
        rows_a_step=4,
        processes=1,
    )
    card = model_card(record)
    assert "`tofu` gamma 3.0" in card
    assert "9 steps of 4 rows" in card
    assert "weight" not in card.split("`job.json`")[0].replace("weights", "")
    assert "targets" not in card
