"""A GRPO trainer of the tiny model, for tests of policy objectives."""

from pathlib import Path
from typing import Any

from tests.support.training import tiny_model

OBJECTIVES: dict[str, dict[str, Any]] = {
    "dqo": {"name": "dqo", "generations": 4, "quality": "oracle"},
    "ebft": {"name": "ebft", "generations": 4},
}


def policy_trainer_of(
    tokenizer: Any,
    chats: list[Any],
    folder: Path,
    *,
    objective: dict[str, Any],
    held_out: int = 0,
    model: Any = None,
    **training: Any,
) -> Any:
    """Three quiet CPU steps of one group of four replies, twelve tokens each."""
    import transformers
    from sfr_train.policy.build import grpo_config, policy_trainer

    values: dict[str, Any] = {
        "max_steps": 3,
        "per_device_train_batch_size": 4,
        "max_completion_length": 12,
        "learning_rate": 1e-3,
        "logging_steps": 1,
        "save_strategy": "no",
        "disable_tqdm": True,
        "use_cpu": True,
        "bf16": False,
        "gradient_checkpointing": False,
        "dataloader_pin_memory": False,
        "seed": 3,
    }
    trainer = policy_trainer(
        model=model or tiny_model(tokenizer),
        tokenizer=tokenizer,
        arguments=grpo_config(folder, {**values, **training}, objective=objective),
        objective=objective,
        train=chats[: len(chats) - held_out],
        validation=chats[len(chats) - held_out :],
    )
    trainer.remove_callback(transformers.PrinterCallback)
    return trainer
