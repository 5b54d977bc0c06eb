"""What a job only names counts by its content, wherever it lies."""

import json
import os
import shutil
from pathlib import Path
from typing import Any

import pytest
from sfr_train.data.rows import load_tables
from sfr_train.job import TrainingJob
from sfr_train.job_file import JobFile
from sfr_train.loop.sft_config import sft_config
from sfr_train.objectives import trainer_of
from sfr_train.policy.build import job_config
from sfr_train.resolve import base_config, resolve_job

from sfr_eval.errors import UserError
from tests.support.reward_models import chat_reward_model


@pytest.fixture
def values(checkpoint: Path, tmp_path: Path) -> dict[str, Any]:
    """A job of cross-entropy on a copy of the tiny checkpoint."""
    rows = [{"prompt": f"Question {i}?", "completion": f"Answer {i}."} for i in range(8)]
    (tmp_path / "chats.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    return {
        "name": "x",
        "model": str(checkpoint),
        "data": {"file": str(tmp_path / "chats.jsonl")},
        "objective": "ce",
        "training": {"use_cpu": True, "per_device_train_batch_size": 4},
    }


def record(values: dict[str, Any], **changes: Any) -> JobFile:
    """The record of a job; sections of `changes` are merged into it."""
    for name, value in changes.items():
        old = values.get(name)
        values = {**values, name: {**old, **value} if isinstance(old, dict) else value}
    job = TrainingJob.model_validate(values)
    if trainer_of(job.objective) == "grpo":
        arguments: Any = job_config(job, Path("out"))
    else:
        arguments = sft_config(Path("out"), job.training)
    return resolve_job(job, arguments=arguments, source=job.model, tables=load_tables(job.data))


def replace_in_place(file: Path) -> None:
    """Change a byte in the middle; size and time of the content stay."""
    stat, content = file.stat(), bytearray(file.read_bytes())
    content[len(content) // 2] ^= 1
    file.write_bytes(bytes(content))
    os.utime(file, ns=(stat.st_atime_ns, stat.st_mtime_ns))


def test_equal_content_elsewhere_is_the_same_job(values: dict[str, Any], tmp_path: Path) -> None:
    """Another machine has other paths, times and folders."""
    before = record(values).digest
    other = tmp_path / "other"
    shutil.copytree(values["model"], other / "base")
    shutil.copy(values["data"]["file"], other / "rows.jsonl")
    moved = {"model": str(other / "base"), "data": {"file": str(other / "rows.jsonl")}}
    assert record(values, **moved).digest == before
    config = other / "base" / "config.json"
    config.write_text(config.read_text().replace('"rms_norm_eps": 1e-06', '"rms_norm_eps": 1e-05'))
    assert record(values, **moved).digest != before


def test_weights_replaced_in_place_are_another_base(values: dict[str, Any]) -> None:
    before = record(values).digest
    replace_in_place(Path(values["model"]) / "model.safetensors")
    assert record(values).digest != before


def test_rows_replaced_in_place_are_other_rows(values: dict[str, Any]) -> None:
    before = record(values).digest
    file = Path(values["data"]["file"])
    stat = file.stat()
    file.write_text(file.read_text().replace("Answer 3", "Answer 9"))
    os.utime(file, ns=(stat.st_atime_ns, stat.st_mtime_ns))
    assert record(values).digest != before


def test_a_template_counts_by_its_text(values: dict[str, Any], tmp_path: Path) -> None:
    text = (Path(values["model"]) / "chat_template.jinja").read_text()
    for name in ("a", "b"):
        (tmp_path / f"{name}.jinja").write_text(text)
    paths = [{"chat_template_path": str(tmp_path / f"{name}.jinja")} for name in ("a", "b")]
    first, second = (record(values, training=path).digest for path in paths)
    assert first == second != record(values).digest
    (tmp_path / "b.jinja").write_text(text + "{# another #}")
    assert record(values, training=paths[1]).digest != first
    folder = {"chat_template_path": values["model"]}
    tokenizer = record(values, training=folder).digest
    settings = Path(values["model"]) / "tokenizer_config.json"
    content = json.loads(settings.read_text())
    other = tmp_path / "other"
    shutil.copytree(values["model"], other)
    assert record(values, training={"chat_template_path": str(other)}).digest == tokenizer
    (other / settings.name).write_text(json.dumps({**content, "eos_token": content["pad_token"]}))
    assert record(values, training={"chat_template_path": str(other)}).digest != tokenizer


def test_a_reward_model_counts_by_its_content(values: dict[str, Any], tmp_path: Path) -> None:
    judge = chat_reward_model(Path(values["model"]), tmp_path / "judge")
    shutil.copytree(judge, tmp_path / "moved")

    def digest(name: str) -> str:
        quality = {"name": "reward_model", "model": str(tmp_path / name)}
        objective = {"name": "dqo", "generations": 4, "quality": quality}
        return record(values, objective=objective).digest

    before = digest("judge")
    assert digest("moved") == before
    replace_in_place(judge / "model.safetensors")
    assert digest("judge") != before


def test_the_encoder_of_rewards_counts(values: dict[str, Any]) -> None:
    def fingerprints(features: str) -> dict[str, str]:
        return record(values, objective={"name": "ebft", "features": features}).fingerprints

    assert "rewards" not in fingerprints("model")
    assert fingerprints("encoder")["rewards"]


@pytest.mark.parametrize(
    ("changes", "counts"),
    [
        ({"objective": "ce"}, False),
        ({"objective": "sfr"}, False),
        ({"objective": "cka"}, True),
        ({"objective": "neftune"}, True),
        ({"objective": {"name": "hidden_noise", "kind": "forward"}}, True),
        ({"objective": {"name": "hidden_noise", "kind": "gradient"}}, False),
        ({"lora": {"dropout": 0.1}}, True),
        ({"lora": {"dropout": 0.0}}, False),
    ],
)
def test_micro_batches_count_where_a_loss_is_of_one(
    changes: dict[str, Any], counts: bool, values: dict[str, Any]
) -> None:
    halves = {"per_device_train_batch_size": 2, "gradient_accumulation_steps": 2}
    whole, divided = record(values, **changes), record(values, **changes, training=halves)
    assert (whole.digest != divided.digest) == counts


def test_dropout_of_the_base_draws_for_each_micro_batch(values: dict[str, Any]) -> None:
    assert record(values).micro_batch is None
    file = Path(values["model"]) / "config.json"
    file.write_text(json.dumps({**json.loads(file.read_text()), "attention_dropout": 0.1}))
    assert record(values).micro_batch == 4


def test_an_adapter_is_no_base(values: dict[str, Any]) -> None:
    (Path(values["model"]) / "adapter_config.json").write_text("{}")
    with pytest.raises(UserError, match="is an adapter; merge it into its base model"):
        record(values)


def test_a_model_that_is_nowhere_is_one_line() -> None:
    with pytest.raises(UserError, match="model nobody/none: cannot be loaded: ") as error:
        base_config("nobody/none", revision=None, name="nobody/none")
    assert "\n" not in str(error.value)
