"""What a policy recipe of the demo changes: its own training, measured before and after."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sfr_train.data.world_text import persona_chats
from sfr_train.demo.checkpoints import demo_checkpoint
from sfr_train.demo.fit import sampling_trainer, training_chats
from sfr_train.demo.recipe import load_recipe
from sfr_train.policy.groups import prompt_key

from sfr_eval.suites.world.persona import PersonaWorld
from sfr_eval.util.assets import find_suite

STEPS = 40
HELD_OUT = 48
"""Prompts: with 8 replies each, 384 replies before and as many after, by the same numbers."""


@dataclass(frozen=True)
class Change:
    """log det(L + I) of 8 replies at temperature 1, mean over prompts; share of valid replies."""

    log_det: tuple[float, float]
    valid: tuple[float, float]

    @property
    def volume(self) -> float:
        return self.log_det[1] - self.log_det[0]

    @property
    def validity(self) -> float:
        return self.valid[1] - self.valid[0]


def change_by_dqo(folder: Path, *, seed: int, alpha: float | None = None, **values: Any) -> Change:
    """Train demo:sft for 40 steps on prompts of this seed. No prompt that is measured was trained
    on, by DQO or by demo:sft. `values`: fields of the recipe to try."""
    import torch
    import transformers

    recipe = load_recipe("demo_dqo").model_copy(update={"seed": seed, **values})
    if alpha is not None:
        recipe = recipe.model_copy(update={"objective": {**recipe.objective, "alpha": alpha}})
    world, source = PersonaWorld.load(find_suite("persona")), demo_checkpoint("sft")
    known = {prompt_key(row["prompt"]) for row in training_chats(load_recipe("demo_sft"), world)}
    rows = persona_chats(world, rows=900, topics=recipe.data.topics, seed=seed)
    fresh = list({k: row for row in rows if (k := prompt_key(row["prompt"])) not in known}.values())
    train = STEPS * recipe.batch_size // recipe.objective["generations"]
    transformers.set_seed(seed)
    trainer = sampling_trainer(
        recipe,
        transformers.AutoModelForCausalLM.from_pretrained(source, dtype=torch.float32),
        transformers.AutoTokenizer.from_pretrained(source),
        fresh[HELD_OUT : HELD_OUT + train],
        output=folder,
        held_out=fresh[:HELD_OUT],
    )
    trainer.remove_callback(transformers.PrinterCallback)
    before = trainer.evaluate()
    trainer.train()
    after = trainer.evaluate()
    assert trainer.state.global_step == STEPS
    name = "eval_dqo/log_det", "eval_rewards/validity/mean"
    return Change(*((before[one], after[one]) for one in name))
