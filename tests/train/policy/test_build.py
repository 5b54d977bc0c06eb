"""The GRPO trainer of a job: what is refused before anything is sampled."""

from pathlib import Path
from typing import Any

import pytest
import yaml
from sfr_train.command import train
from sfr_train.policy.build import grpo_config

from sfr_eval.errors import UserError
from tests.support.policy import OBJECTIVES, policy_trainer_of

DQO = OBJECTIVES["dqo"]


def config(folder: Path, objective: dict[str, Any] = DQO, **training: Any) -> Any:
    return grpo_config(folder, {"use_cpu": True, "bf16": False, **training}, objective=objective)


def test_groups_and_scaling_come_from_the_objective(tmp_path: Path) -> None:
    arguments = config(tmp_path)
    assert (arguments.num_generations, arguments.per_device_train_batch_size) == (4, 4)
    assert arguments.scale_rewards == "group"
    assert config(tmp_path, OBJECTIVES["ebft"]).scale_rewards == "none"
    assert config(tmp_path, OBJECTIVES["ebft"], scale_rewards="batch").scale_rewards == "batch"


@pytest.mark.parametrize(
    ("training", "message"),
    [
        ({"num_generations": 8}, "training.num_generations: the objective decides it"),
        ({"reward_weights": [1.0]}, "training.reward_weights: the objective decides it"),
        ({"max_completion_lenght": 9}, "unknown field; did you mean `max_completion_length`"),
        ({"max_length": 9}, "max_length: unknown field"),
        ({"per_device_train_batch_size": 6}, "must be divisible by num_generations"),
        ({"learning_rate": 0}, "training.learning_rate: 0; give a number above 0"),
    ],
)
def test_a_bad_training_field_is_one_line(
    training: dict[str, Any], message: str, tmp_path: Path
) -> None:
    with pytest.raises(UserError, match=message) as caught:
        config(tmp_path, **training)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("rows", "training", "message"),
    [
        (1, {"per_device_train_batch_size": 8}, "data: 1 prompts, but a batch holds 2"),
        (4, {"max_completion_length": 500}, "prompt 1: its .* tokens and 500 of a reply exceed"),
    ],
)
def test_data_that_cannot_be_sampled_from_are_refused(
    rows: int,
    training: dict[str, Any],
    message: str,
    tokenizer: Any,
    chats: list[Any],
    tmp_path: Path,
) -> None:
    with pytest.raises(UserError, match=message):
        policy_trainer_of(tokenizer, chats[:rows], tmp_path, objective=DQO, **training)


def test_prompts_that_repeat_are_one_and_are_counted(
    tokenizer: Any, chats: list[Any], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    trainer = policy_trainer_of(tokenizer, [*chats[:4], *chats[:2]], tmp_path, objective=DQO)
    assert len(trainer.train_dataset) == 4
    assert "data: 6 rows have 4 different prompts" in capsys.readouterr().err


def test_two_replies_a_prompt_are_warned_of(
    tokenizer: Any, chats: list[Any], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    policy_trainer_of(tokenizer, chats, tmp_path, objective={**DQO, "generations": 2})
    assert "of 2 replies each gets the same reward for diversity" in capsys.readouterr().err


def job(folder: Path, checkpoint: Path, **values: Any) -> str:
    recipe = {
        "name": "tiny",
        "model": str(checkpoint),
        "output": str(folder / "out"),
        "data": {"world": {"rows": 8}},
        "objective": DQO,
        "training": {
            "max_steps": 1,
            "max_completion_length": 4,
            "use_cpu": True,
            "disable_tqdm": True,
            "save_strategy": "no",
        },
        **values,
    }
    file = folder / "job.yaml"
    file.write_text(yaml.safe_dump(recipe))
    return str(file)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"targets": {"k": 4}}, "targets: this objective has no use for it"),
        ({"schedule": {"weight": 1}}, "schedule: this objective has no use for it"),
        ({"objective": {**DQO, "encoder": "nobody/none"}}, "objective.encoder nobody/none"),
        (
            {"objective": {**DQO, "quality": {"name": "reward_model", "model": "no/model"}}},
            "objective.quality.model no/model",
        ),
    ],
)
def test_a_job_that_cannot_run_is_one_line(
    values: dict[str, Any], message: str, checkpoint: Path, tmp_path: Path
) -> None:
    with pytest.raises(UserError, match=message) as caught:
        train(job(tmp_path, checkpoint, **values))
    assert "\n" not in str(caught.value)


def test_a_job_trains_a_plain_model_with_its_record(checkpoint: Path, tmp_path: Path) -> None:
    from transformers import AutoModelForCausalLM

    file = job(tmp_path, checkpoint)
    final = train(file)
    assert (final / "job.json").is_file()
    assert "`dqo`" in (final / "README.md").read_text()
    AutoModelForCausalLM.from_pretrained(final)
    assert train(file) == final  # finished: nothing is sampled again
    with pytest.raises(UserError, match=r"objective\.alpha: 1\.0 there, 2\.0 here"):
        train(file, ["objective.alpha=2"])
