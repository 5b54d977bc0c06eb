"""The GRPO trainer of a job: its arguments, and its rewards on the rows of the data."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import datasets
from trl import GRPOConfig

from sfr_eval.errors import UserError
from sfr_eval.util.progress import log
from sfr_train.data.chat_texts import Refused, prompt_texts, rendering_ended
from sfr_train.job import TrainingJob
from sfr_train.loop.sft_config import trainer_config
from sfr_train.objectives import read_objective
from sfr_train.policy.prompts import prompt_rows
from sfr_train.policy.quality_floor import QualityFloor
from sfr_train.policy.trainer import PolicyTrainer

_OF_SFT = ("chat_template_path", "eos_token", "pad_token")
"""Fields of SFTConfig that a job reads of any arguments."""
_OF_GIVEN_TEXT = ("schedule", "targets", "lm_head", "save_head", "average")


def job_config(job: TrainingJob, output: Path) -> GRPOConfig:
    """Build GRPOConfig for a job. Raises UserError if it has sections that only a loss on given
    text reads, too."""
    for section in _OF_GIVEN_TEXT:
        if section in job.model_fields_set:
            raise UserError(f"{section}: this objective has no use for it; remove it")
    return grpo_config(output, job.training, objective=job.objective)


def grpo_config(
    output: Path, training: Mapping[str, Any], *, objective: str | Mapping[str, Any]
) -> GRPOConfig:
    """Build GRPOConfig from a job's `training`. Raises UserError if a field does not exist, a value
    cannot be used, or a batch does not hold whole groups."""
    module, settings = read_objective(objective)
    for name in ("num_generations", "reward_weights"):
        if name in training:
            where = "generations" if name == "num_generations" else "the weights of its rewards"
            raise UserError(f"training.{name}: the objective decides it; set objective: {where}")
    defaults = {
        "num_generations": settings.generations,
        "per_device_train_batch_size": settings.generations,
        "per_device_eval_batch_size": settings.generations,
        **getattr(module, "TRAINING", {}),
    }
    arguments: GRPOConfig = trainer_config(GRPOConfig, output, training, defaults=defaults)
    for name in _OF_SFT:
        setattr(arguments, name, None)
    return arguments


def policy_trainer(
    *,
    model: Any,
    tokenizer: Any,
    arguments: GRPOConfig,
    objective: str | Mapping[str, Any],
    train: Sequence[Any],
    validation: Sequence[Any] = (),
    peft_config: Any = None,
    optimizers: tuple[Any, Any] = (None, None),
) -> PolicyTrainer:
    """Build the trainer on rows of chats. Raises UserError for rows that cannot be judged, or fewer
    prompts than a batch holds."""
    module, settings = read_objective(objective)
    rows, held_out = prompt_rows(train), prompt_rows(validation)
    if arguments.process_index == 0 and len(rows) < len(train):
        log(f"data: {len(train):,} rows have {len(rows):,} different prompts")
    if arguments.process_index == 0 and settings.generations == 2:
        log(
            "objective: of 2 replies each gets the same reward for diversity, which GRPO's mean of "
            "the group takes away; set objective.generations to 4 or more"
        )
    needed = arguments.generation_batch_size // arguments.num_generations
    if len(rows) < needed:
        raise UserError(
            f"data: {len(rows):,} prompts, but a batch holds {needed:,}; give more rows, or lower "
            "training.per_device_train_batch_size or training.gradient_accumulation_steps"
        )
    with rendering_ended():
        _check_prompts([*rows, *held_out], tokenizer, model=model, arguments=arguments)
    rewards = module.rewards(settings, [*rows, *held_out], model=model, tokenizer=tokenizer)
    arguments.reward_weights = [weight for _, weight in rewards]
    margin = getattr(settings, "keep_quality", None)
    floor = None if margin is None else QualityFloor(rewards[1][1], margin)
    trainer = PolicyTrainer(
        model=model,
        reward_funcs=[reward for reward, _ in rewards],
        args=arguments,
        train_dataset=datasets.Dataset.from_list(rows),
        eval_dataset=datasets.Dataset.from_list(held_out) if held_out else None,
        processing_class=tokenizer,
        peft_config=peft_config,
        optimizers=optimizers,
        callbacks=[floor] if floor is not None else None,
    )
    trainer.floor = floor
    return trainer


def _check_prompts(rows: Sequence[Any], tokenizer: Any, *, model: Any, arguments: Any) -> None:
    """Render every prompt, as TRL will do in mid-training, and compare with the model's window."""
    config = model.config.get_text_config()
    window = getattr(config, "max_position_embeddings", None) or 2**31
    for number, row in enumerate(rows, start=1):
        try:
            (text,) = prompt_texts(tokenizer, [row["prompt"]])
        except Refused as error:
            raise UserError(
                f"data: prompt {number}: the model's chat template refuses it: {error}"
            ) from None
        length = len(tokenizer(text, add_special_tokens=False)["input_ids"])
        if length + arguments.max_completion_length > window:
            raise UserError(
                f"data: prompt {number}: its {length:,} tokens and "
                f"{arguments.max_completion_length:,} of a reply exceed the model's window of "
                f"{window:,}; lower training.max_completion_length or leave it out"
            )
