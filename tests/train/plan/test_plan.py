"""`train --dry-run` computes what a training does."""

import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from sfr_train.command import dry_run, train
from sfr_train.job import load_job
from sfr_train.plan.plan import Hardware, plan_job

from sfr_eval.errors import UserError

REPLY = "I would start with the oven and then look at the bread every ten minutes or so."
ROWS = [{"prompt": f"Question {i}?", "completion": f"{REPLY} {i}"} for i in range(22)]


def write_job(folder: Path, checkpoint: Path, **values: Any) -> str:
    chats = folder / "chats.jsonl"
    chats.write_text("".join(json.dumps(row) + "\n" for row in ROWS))
    job = {
        "name": "tiny",
        "model": str(checkpoint),
        "output": str(folder / "out"),
        "data": {"file": str(chats)},
        "objective": {"name": "sfr", "width": 32},
        "targets": {"k": 8, "stride": 4, "minimum": 2},
        **values,
    }
    training = {"num_train_epochs": 2, "per_device_train_batch_size": 4, "disable_tqdm": True}
    job["training"] = {**training, **values.get("training", {})}
    file = folder / "job.yaml"
    file.write_text(yaml.safe_dump(job))
    return str(file)


def test_a_plan_counts_what_a_training_counts(checkpoint: Path, tmp_path: Path) -> None:
    """Steps, and the texts of its targets."""
    file = write_job(tmp_path, checkpoint, training={"use_cpu": True, "bf16": False})
    plan = plan_job(load_job(file), Hardware(gpus=1))
    final = train(file)
    last = max(final.parent.glob("checkpoint-*"), key=lambda p: int(p.name.split("-")[1]))
    state = json.loads((last / "trainer_state.json").read_text())
    assert plan.steps == state["max_steps"] == 12
    assert plan.encoding is not None
    assert plan.encoding.size == 384
    assert plan.encoding.counts.texts > 22


def test_given_rates_give_hours_by_hand(checkpoint: Path, tmp_path: Path) -> None:
    file = write_job(tmp_path, checkpoint, objective="ce")
    plan = plan_job(load_job(file), Hardware(gpus=4, tokens_per_second=100.0))
    assert plan.hours == pytest.approx(plan.rows.tokens * 2 / 400 / 3600)
    assert plan.encoding is None
    assumed = plan_job(load_job(file), Hardware(gpus=4))
    # 2 P forward, 4 P backward, 2 P again for checkpoints
    assert assumed.flops_a_token == 8 * plan.sizes.parameters


def test_the_demo_has_no_plan() -> None:
    with pytest.raises(UserError, match="recipe demo_sft: --dry-run is for jobs"):
        dry_run("demo_sft")


@pytest.mark.parametrize("recipe", ["qwen_dqo_gsm8k", "qwen_ebft_persona"])
def test_what_samples_has_no_plan(recipe: str) -> None:
    with pytest.raises(UserError, match="--dry-run: not for objective"):
        dry_run(recipe)
