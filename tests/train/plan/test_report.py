"""What `train --dry-run` prints."""

import json
import re
from pathlib import Path

import yaml
from sfr_train.command import dry_run


def test_a_plan_fits_the_terminal_and_loads_no_weights(checkpoint: Path, tmp_path: Path) -> None:
    (checkpoint / "model.safetensors").unlink()
    chats, file = tmp_path / "chats.jsonl", tmp_path / "job.yaml"
    reply = "I would start with the oven and then look at the bread every ten minutes or so."
    rows = [{"prompt": f"Question {i}?", "completion": f"{reply} {i}"} for i in range(22)]
    chats.write_text("".join(json.dumps(row) + "\n" for row in rows))
    job = {
        "name": "tiny",
        "model": str(checkpoint),
        "output": str(tmp_path / "out"),
        "data": {"file": str(chats)},
        "objective": {"name": "sfr", "width": 32},
        "targets": {"k": 8, "stride": 4, "minimum": 2},
        "training": {"num_train_epochs": 2, "per_device_train_batch_size": 4},
    }
    file.write_text(yaml.safe_dump(job))
    lines = dry_run(str(file), gpus=2)
    assert max(map(len, lines)) <= 80
    text = "\n".join(lines)
    assert "rows: 22, " in text
    assert "steps: 6 on 2 GPUs, 2 epochs" in text
    assert re.search(r"texts to encode: \d+ of up to 8 tokens", text)
    assert re.search(r"of 85\.0 GB \(80 GiB\) +fits +fits +fits\n", text)
    assert not (tmp_path / "out").exists()
