"""One cell: fine-tune the base model with one objective and keep its best epoch."""

import time
from pathlib import Path
from typing import Any

import torch

from known_truth import setting
from known_truth.language import log_probabilities
from known_truth.measure import measured
from sfr_eval.suites.world.persona import PersonaWorld


def base_model(folder: Path, world: PersonaWorld) -> Path:
    """The experiment's own base model, trained now if it is not there."""
    if not (folder / "config.json").is_file():
        from sfr_train.demo.fit import fit
        from sfr_train.demo.recipe import DemoRecipe

        scratch = folder.with_name(folder.name + ".part")
        scratch.mkdir(parents=True, exist_ok=True)
        fit(DemoRecipe.model_validate(setting.BASE), world, start=None, output=scratch)
        scratch.rename(folder)
    return folder


def run_cell(cell: setting.Cell, world: PersonaWorld, *, base: Path, work: Path) -> dict[str, Any]:
    """Train, select, measure; everything that is kept of the cell."""
    from transformers import AutoModelForCausalLM, AutoTokenizer

    started = time.process_time()
    tokenizer = AutoTokenizer.from_pretrained(base)
    model = AutoModelForCausalLM.from_pretrained(base, dtype=torch.float32)
    keeper, log = _train(cell, model, tokenizer, world, work=work)
    trained = time.process_time() - started
    last = {name: value.clone() for name, value in model.state_dict().items()}
    model.load_state_dict(keeper.best)
    found = {"best": measured(model, tokenizer, world, seed=cell.seed)}
    model.load_state_dict(last)
    found["last"] = measured(model, tokenizer, world, seed=cell.seed)
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
        **found,
    }


def _train(
    cell: setting.Cell, model: Any, tokenizer: Any, world: PersonaWorld, *, work: Path
) -> tuple[Any, dict[str, list[float]]]:
    """In place. Returns the callback with the best weights, and the logged diagnostics."""
    import datasets
    import transformers
    from sfr_train.data.world_text import persona_chats
    from sfr_train.trainer import SFRTrainer
    from trl import SFTConfig

    datasets.disable_progress_bars()
    transformers.utils.logging.set_verbosity_error()
    transformers.set_seed(cell.seed)
    trained = tuple(
        card.id for card in world.personas if not card.held_out and card.id != setting.LEFT_OUT
    )
    several = {"topics": setting.TOPICS, "personas": trained}
    chats = list(persona_chats(world, rows=setting.TRAINING, seed=cell.seed, **several))
    apart = list(persona_chats(world, rows=setting.VALIDATION, seed=1_000 + cell.seed, **several))
    keeper = _make_keeper(tokenizer, apart)
    steps = setting.TRAINING // setting.BATCH
    head_epochs = setting.HEAD_EPOCHS.get(cell.objective, 0)
    schedule = {
        "weight": cell.weight,
        "ramp_steps": setting.RAMP,
        "head_steps": steps * head_epochs,
    }
    trainer = SFRTrainer(
        model=model,
        args=SFTConfig(
            output_dir=str(work / "trainer" / cell.name),
            num_train_epochs=setting.EPOCHS + head_epochs,
            per_device_train_batch_size=setting.BATCH,
            learning_rate=setting.LEARNING_RATE,
            lr_scheduler_type="cosine",
            warmup_steps=0.03,
            weight_decay=0.01,
            completion_only_loss=True,
            train_sampling_strategy="group_by_length",
            max_length=None,
            seed=cell.seed,
            data_seed=cell.seed,
            bf16=False,
            gradient_checkpointing=False,
            dataloader_pin_memory=False,
            save_strategy="no",
            report_to="none",
            logging_steps=steps,
            disable_tqdm=True,
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


def _make_keeper(tokenizer: Any, chats: list[Any]) -> Any:
    from transformers import TrainerCallback

    class Keeper(TrainerCallback):
        """Keeps the weights of the epoch with the lowest validation cross-entropy, each epoch at
        its own best temperature: some objectives flatten or sharpen on purpose."""

        def __init__(self) -> None:
            self.model: Any = None
            self.losses: list[float] = []
            self.best: dict[str, torch.Tensor] = {}
            self.epoch = 0

        def on_epoch_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
            log_q, tokens = log_probabilities(
                self.model,
                tokenizer,
                [chat["prompt"] for chat in chats],
                [chat["completion"][0]["content"] for chat in chats],
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

    return Keeper()
