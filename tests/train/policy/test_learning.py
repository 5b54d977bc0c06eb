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
    gains = []
    for alpha in (1.0, 0.0):
        objective = {"name": "dqo", "generations": 8, "quality": "oracle", "alpha": alpha}
        trainer = policy_trainer_of(
            tokenizer, chats, tmp_path, objective=objective, model=collapsed(tokenizer), **SHORT
        )
        trainer.train()
        volume = logged(trainer, "dqo/log_det")
        gains.append(volume[-5:].mean() - volume[:5].mean())
    assert gains[0] > 0.3
    assert gains[0] > gains[1] + 0.3


def greedy(model: Any, tokenizer: Any, prompt: Any) -> str:
    """The most probable three tokens."""
    ids = tokenizer.apply_chat_template(
        prompt, add_generation_prompt=True, return_tensors="pt", return_dict=True
    )
    reply = model.generate(**ids, do_sample=False, max_new_tokens=3)[0, ids["input_ids"].shape[1] :]
    return str(tokenizer.decode(reply, skip_special_tokens=True))


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


@pytest.mark.slow
def test_dqo_on_the_demo_adds_volume_at_no_loss_of_validity(tmp_path: Path) -> None:
    """40 steps from demo:sft, three seeds; 16 prompts held out, 8 replies each."""
    import transformers
    from sfr_train.data.world_text import persona_chats
    from sfr_train.demo.checkpoints import demo_checkpoint
    from sfr_train.demo.recipe import load_recipe

    from sfr_eval.suites.world.persona import PersonaWorld
    from sfr_eval.util.assets import find_suite

    recipe = load_recipe("demo_dqo")
    source = demo_checkpoint("sft")
    world = PersonaWorld.load(find_suite("persona"))
    gains = []
    for seed in range(3):
        rows = list(persona_chats(world, rows=176, topics=recipe.data.topics, seed=seed))
        trainer = policy_trainer_of(
            transformers.AutoTokenizer.from_pretrained(source),
            [*rows[16:], *rows[:16]],
            tmp_path / str(seed),
            objective=recipe.objective,
            held_out=16,
            model=transformers.AutoModelForCausalLM.from_pretrained(source, dtype=torch.float32),
            max_steps=40,
            per_device_train_batch_size=recipe.batch_size,
            per_device_eval_batch_size=64,
            max_completion_length=96,
            learning_rate=recipe.learning_rate,
            seed=seed,
        )
        names = ("eval_dqo/log_det", "eval_rewards/validity/mean")
        before = trainer.evaluate()
        trainer.train()
        after = trainer.evaluate()
        gains.append([after[name] - before[name] for name in names])
    volume, validity = np.mean(gains, axis=0)
    assert volume > 0.05, gains
    assert validity > -0.02, gains
