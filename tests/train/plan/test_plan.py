"""`train --dry-run` computes what a training does."""

import json
import math
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
def test_sampled_replies_have_no_plan(recipe: str) -> None:
    """And no targets to encode: one line each, before any row is read."""
    with pytest.raises(UserError, match=r"--dry-run: not for objective (dqo|ebft), whose tokens"):
        dry_run(recipe)
    with pytest.raises(UserError, match="--encode-only: this job has no targets to encode"):
        train(recipe, encode_only=True)


@pytest.mark.parametrize(
    ("option", "value"),
    [("gpus", 0), ("gpu_memory", -1.0), ("tokens_per_second", 0.0), ("gpu_memory", math.nan)],
)
def test_hardware_is_above_zero(option: str, value: Any) -> None:
    name = option.replace("_", "-")
    with pytest.raises(UserError, match=f"--{name} {value:g}: give a number above 0"):
        dry_run("qwen_coder_mbpp", **{option: value})


def parts(file: str) -> dict[str, float]:
    plan = plan_job(load_job(file), Hardware(gpus=2))
    return {part.name: part.size for part in plan.memory("ddp")}


def test_what_is_kept_beside_the_weights_is_counted(checkpoint: Path, tmp_path: Path) -> None:
    """A mean of weights takes 4 bytes each, a frozen base as many; neither is kept under LoRA."""
    objective = {"name": "kl_to_base"}
    average = {"kind": "ema"}
    plain = parts(write_job(tmp_path, checkpoint, objective="ce"))
    both = parts(write_job(tmp_path, checkpoint, objective=objective, average=average))
    assert both["average of weights"] == both["frozen copy of the base"] == plain["weights"]
    wise = {"average": {"kind": "wise"}, "objective": objective, "lora": {"r": 4}}
    adapted = parts(write_job(tmp_path, checkpoint, **wise))
    assert not adapted.keys() & {"average of weights", "frozen copy of the base"}


def test_only_losses_on_logits_keep_them(checkpoint: Path, tmp_path: Path) -> None:
    """On a GPU cross-entropy is TRL's fused one, also with noise or a loss on the future."""

    def logits(objective: str) -> float:
        return parts(write_job(tmp_path, checkpoint, objective=objective))["logits"]

    pieces = logits("ce")
    assert all(logits(name) == pieces for name in ("neftune", "kl_to_base", "mtp"))
    assert all(logits(name) > pieces for name in ("tofu", "gem"))
