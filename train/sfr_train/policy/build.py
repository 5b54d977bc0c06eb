"""The GRPO trainer of a job: its arguments, and its rewards on the rows of the data."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import datasets
from trl import GRPOConfig

from sfr_eval.errors import UserError
from sfr_eval.util.progress import log
from sfr_train.loop.sft_config import trainer_config
from sfr_train.objectives import read_objective
from sfr_train.policy.prompts import prompt_rows
from sfr_train.policy.trainer import PolicyTrainer


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
    return trainer_config(GRPOConfig, output, training, defaults=defaults)


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
    rewards = module.rewards(settings, [*rows, *held_out], model=model, tokenizer=tokenizer)
    arguments.reward_weights = [weight for _, weight in rewards]
    return PolicyTrainer(
        model=model,
        reward_funcs=[reward for reward, _ in rewards],
        args=arguments,
        train_dataset=datasets.Dataset.from_list(rows),
        eval_dataset=datasets.Dataset.from_list(held_out) if held_out else None,
        processing_class=tokenizer,
        peft_config=peft_config,
        optimizers=optimizers,
    )
