"""`train --encode-only`: the targets that training then finds, without the model's weights."""

from pathlib import Path
from typing import Any

import pytest
from sfr_train import command, encode_only
from sfr_train.encode_only import encode_targets
from sfr_train.job import TrainingJob
from sfr_train.run_job import run_job

from sfr_eval.errors import UserError
from tests.support.training import tiny_model


def job_of(folder: Path, **others: Any) -> TrainingJob:
    values: dict[str, Any] = {
        "name": "few",
        "model": str(folder / "model"),
        "output": str(folder / "out"),
        "data": {"world": {"rows": 8}, "validation": 2},
        "objective": {"name": "sfr", "width": 32},
        "targets": {"k": 12, "stride": 12, "minimum": 4},
        "training": {"max_steps": 1, "use_cpu": True, "save_strategy": "no", "max_length": 512},
    }
    return TrainingJob.model_validate({**values, **others})


@pytest.mark.model
def test_training_finds_the_targets_and_encodes_nothing(
    tokenizer: Any, tmp_path: Path, capsys: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SFR_EVAL_CACHE", str(tmp_path / "cache"))
    tiny_model(tokenizer).save_pretrained(tmp_path / "model")
    tokenizer.save_pretrained(tmp_path / "model")
    (tmp_path / "model" / "model.safetensors").rename(tmp_path / "weights")
    job = job_of(tmp_path)
    folder = encode_targets(job)
    assert (folder / "meta.json").is_file()
    assert not (tmp_path / "out").exists()
    encoded = capsys.readouterr().err
    assert "of them encoded by this process" in encoded
    assert " 0 of them" not in encoded

    (tmp_path / "weights").rename(tmp_path / "model" / "model.safetensors")
    run_job(job)
    lines = [line for line in capsys.readouterr().err.splitlines() if "of them encoded" in line]
    assert len(lines) == 2  # training rows and validation rows
    assert all(" 0 of them encoded by this process" in line for line in lines)
    assert (folder / "meta.json") in (tmp_path / "cache" / "targets").glob("*/meta.json")


@pytest.mark.parametrize(
    ("objective", "schedule", "message"),
    [
        ("ce", {}, "its objective reads no embeddings"),
        ("mtp", {}, "its objective reads no embeddings"),
        ("sfr", {"weight": 0}, "its objective has weight 0"),
    ],
)
def test_a_job_without_targets_is_one_line(
    tmp_path: Path, objective: str, schedule: dict[str, Any], message: str
) -> None:
    job = job_of(tmp_path, objective=objective, schedule=schedule)
    with pytest.raises(UserError, match=f"--encode-only: this job has no targets .* {message}"):
        encode_targets(job)


def test_a_recipe_of_the_demo_has_no_encode_only() -> None:
    with pytest.raises(UserError, match="is for jobs, not for the demo"):
        command.train("demo_sfr", encode_only=True)


def test_the_command_calls_it_for_a_job(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    jobs = []

    def encode(job: TrainingJob, **_: Any) -> Path:
        jobs.append(job)
        return tmp_path

    monkeypatch.setattr(encode_only, "encode_targets", encode)
    assert command.train("qwen_coder_mbpp", ["targets.k=64"], encode_only=True) == tmp_path
    assert jobs[0].targets.k == 64
