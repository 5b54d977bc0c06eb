"""One cell: fine-tunes the base model with one objective and keeps its best epoch."""

import time
from pathlib import Path
from typing import Any

import datasets
import torch
import transformers
from sfr_train.data.world_text import persona_chats
from sfr_train.demo.fit import fit
from sfr_train.demo.recipe import DemoRecipe
from sfr_train.loop.sft_config import sft_config
from sfr_train.trainer import SFRTrainer
from transformers import AutoModelForCausalLM, AutoTokenizer, TrainerCallback

from known_truth import setting
from known_truth.language import log_probabilities
from known_truth.measure import measure
from sfr_eval.suites.world.persona import PersonaWorld


def base_model(folder: Path, world: PersonaWorld) -> Path:
    """The experiment's own base model, trained now if it does not exist."""
    if not (folder / "config.json").is_file():
        scratch = folder.with_name(folder.name + ".part")
        scratch.mkdir(parents=True, exist_ok=True)
        fit(DemoRecipe.model_validate(setting.BASE), world, start=None, output=scratch)
        scratch.rename(folder)
    return folder


def run_cell(cell: setting.Cell, world: PersonaWorld, *, base: Path, work: Path) -> dict[str, Any]:
    """Train, select and measure; returns the result to store."""
    started = time.process_time()
    tokenizer = AutoTokenizer.from_pretrained(base)
    model = AutoModelForCausalLM.from_pretrained(base, dtype=torch.float32)
    keeper, log = _train(cell, model, tokenizer, world, work=work)
    trained = time.process_time() - started
    last = {name: value.clone() for name, value in model.state_dict().items()}
    model.load_state_dict(keeper.best)
    values = {"best": measure(model, tokenizer, world, seed=cell.seed)}
    model.load_state_dict(last)
    values["last"] = measure(model, tokenizer, world, seed=cell.seed)
    return {
        "objective": cell.objective,
        "weight": cell.weight,
        "seed": cell.seed,
        "world": world.version,
        "setting": setting.digest(cell.objective),
        "validation": keeper.losses,
        "best_epoch": keeper.epoch,
        "future": log,
        "cpu_seconds": {
            "training": round(trained, 1),
            "all": round(time.process_time() - started, 1),
        },
        **values,
    }


def _train(
    cell: setting.Cell, model: Any, tokenizer: Any, world: PersonaWorld, *, work: Path
) -> tuple["Keeper", dict[str, list[float]]]:
    """Train in place. Returns the callback with the best weights, and the logged diagnostics."""
    datasets.disable_progress_bars()
    transformers.utils.logging.set_verbosity_error()
    transformers.set_seed(cell.seed)
    trained = tuple(
        card.id for card in world.personas if not card.held_out and card.id != setting.LEFT_OUT
    )
    options = {"topics": setting.TOPICS, "personas": trained}
    chats = list(persona_chats(world, rows=setting.TRAINING, seed=cell.seed, **options))
    validation = list(
        persona_chats(world, rows=setting.VALIDATION, seed=1_000 + cell.seed, **options)
    )
    keeper = Keeper(tokenizer, validation)
    steps = setting.TRAINING // setting.BATCH
    head_epochs = setting.HEAD_EPOCHS.get(cell.objective, 0)
    schedule = {
        "weight": cell.weight,
        "ramp_steps": setting.RAMP,
        "head_steps": steps * head_epochs,
    }
    trainer = SFRTrainer(
        model=model,
        args=sft_config(
            work / "trainer" / cell.name,
            {
                "num_train_epochs": setting.EPOCHS + head_epochs,
                "per_device_train_batch_size": setting.BATCH,
                "learning_rate": setting.LEARNING_RATE,
                "lr_scheduler_type": "cosine",
                "warmup_steps": 0.03,
                "weight_decay": 0.01,
                "train_sampling_strategy": "group_by_length",
                "max_length": None,
                "seed": cell.seed,
                "bf16": False,
                "gradient_checkpointing": False,
                "dataloader_pin_memory": False,
                "save_strategy": "no",
                "logging_steps": steps,
                "disable_tqdm": True,
            },
        ),
        train_dataset=datasets.Dataset.from_list(chats),
        processing_class=tokenizer,
        objective=setting.OBJECTIVES[cell.objective],
        schedule=schedule,
        targets=setting.TARGETS,
        cache=work / "cache",
        callbacks=[keeper],
    )
    trainer.remove_callback(transformers.PrinterCallback)
    keeper.model = trainer.model
    trainer.train()
    if trainer.head is not None:
        delattr(model, "sfr_head")
    log: dict[str, list[float]] = {}
    for row in trainer.state.log_history:
        for name, value in row.items():
            if name.startswith("future/"):
                log.setdefault(name, []).append(round(value, 5))
    return keeper, log


class Keeper(TrainerCallback):
    """Keeps the weights of the epoch with the lowest validation cross-entropy, each epoch at its
    own best temperature: some objectives flatten or sharpen on purpose."""

    def __init__(self, tokenizer: Any, chats: list[Any]) -> None:
        self._tokenizer = tokenizer
        self._chats = chats
        self.model: Any = None
        self.losses: list[float] = []
        self.best: dict[str, torch.Tensor] = {}
        self.epoch = 0

    def on_epoch_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        """Score the validation chats, and copy the weights if they are the best yet."""
        log_q, tokens = log_probabilities(
            self.model,
            self._tokenizer,
            [chat["prompt"] for chat in self._chats],
            [chat["completion"][0]["content"] for chat in self._chats],
            temperatures=setting.SCORED_AT,
        )
        self.model.train()
        loss = float((-log_q.sum(0) / tokens.sum()).min())
        if not self.losses or loss < min(self.losses):
            self.epoch = len(self.losses) + 1
            self.best = {
                name: value.detach().clone()
                for name, value in self.model.state_dict().items()
                if not name.startswith("sfr_head.")
            }
        self.losses.append(round(loss, 5))
