"""The card beside trained weights."""

from pathlib import Path

import yaml
from sfr_train.job_file import Fingerprints, job_file
from sfr_train.model_card import write_record


def test_the_card_names_what_trained_the_weights(tmp_path: Path) -> None:
    settings = {
        "name": "x",
        "model": "Qwen/Qwen3-0.6B",
        "revision": "abc",
        "data": {"file": "a.jsonl", "dataset": None, "world": None},
        "objective": {"name": "sfr", "width": 8},
        "schedule": {"weight": 3.0},
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
        record.digest,
    ):
        assert part in text
    assert (tmp_path / "new" / "job.json").is_file()
