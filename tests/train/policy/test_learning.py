"""Policies learn what their rewards ask for: a collapsed tiny model, and the demo over seeds."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from tests.support.policy import policy_trainer_of
from tests.support.training import tiny_model


def collapsed(tokenizer: Any) -> Any:
    """The tiny model with logits eight times as large: it says nearly the same each time."""
    model = tiny_model(tokenizer)
    with torch.no_grad():
        model.get_input_embeddings().weight.mul_(8.0)
    return model


def logged(trainer: Any, name: str) -> Any:
    return np.array([row[name] for row in trainer.state.log_history if name in row])


SHORT = {
    "max_steps": 30,
    "per_device_train_batch_size": 16,
    "max_completion_length": 3,
    "learning_rate": 3e-3,
}


def test_the_bonus_alone_spreads_a_collapsed_policy(
    tokenizer: Any, chats: list[Any], tmp_path: Path
) -> None:
    """No reply of the tiny model is valid, so that quality is the same for all."""
    objective = {"name": "dqo", "generations": 8, "quality": "oracle"}
    trainer = policy_trainer_of(
        tokenizer, chats, tmp_path, objective=objective, model=collapsed(tokenizer), **SHORT
    )
    trainer.train()
    volume = logged(trainer, "dqo/log_det")
    assert volume[-5:].mean() > volume[:5].mean() + 0.3


def greedy(model: Any, tokenizer: Any, prompt: Any) -> str:
    """The most probable three tokens."""
    ids = tokenizer.apply_chat_template(
        prompt, add_generation_prompt=True, return_tensors="pt", return_dict=True
    )
    reply = model.generate(**ids, do_sample=False, max_new_tokens=3)[0, ids["input_ids"].shape[1] :]
    return str(tokenizer.decode(reply, skip_special_tokens=True))


@pytest.mark.slow
def test_matching_features_comes_nearer_to_the_data(
    tokenizer: Any, chats: list[Any], tmp_path: Path
) -> None:
    """The data's replies are those that the model finds most probable, though not always."""
    model = collapsed(tokenizer)
    rows = []
    for chat in chats[:4]:
        reply = greedy(model, tokenizer, chat["prompt"])
        completion = [{"role": "assistant", "content": reply}]
        rows.append({"prompt": chat["prompt"], "completion": completion})
    objective = {"name": "ebft", "generations": 8, "features": "encoder", "exact": True}
    trainer = policy_trainer_of(
        tokenizer, rows, tmp_path, objective=objective, model=model, **SHORT
    )
    trainer.train()
    distance = logged(trainer, "ebft/distance")
    assert distance[-5:].mean() < 0.6 * distance[:5].mean()


SEEDS = (11, 12, 13, 14, 15)
"""None of those by which the settings of demo_dqo were chosen."""


@pytest.mark.slow
def test_dqo_on_the_demo_adds_volume_at_no_loss_of_validity(tmp_path: Path) -> None:
    """40 steps from demo:sft on prompts that neither knows, against the same steps without the
    bonus."""
    from tests.support.demo_policy import change_by_dqo

    dqo, twin = (
        [change_by_dqo(tmp_path / f"{alpha}-{seed}", seed=seed, alpha=alpha) for seed in SEEDS]
        for alpha in (None, 0.0)
    )
    volume = np.array([change.volume for change in dqo])
    validity = np.array([change.validity for change in dqo])
    assert volume.mean() > 3 * volume.std(ddof=1) / len(SEEDS) ** 0.5, dqo  # t of 4 degrees: .04
    assert validity.mean() > 0, dqo
    assert volume.mean() > np.mean([change.volume for change in twin]) + 0.1, (dqo, twin)
