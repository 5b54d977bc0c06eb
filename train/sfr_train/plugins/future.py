"""A loss on the future in any transformers.Trainer whose model returns the loss of its labels.

    trainer = SFTTrainer(...)            # or transformers.Trainer, or a subclass of yours
    attach_future(trainer, tokenizer, objective="sfr", targets={"k": 64, "stride": 8})
    trainer.train()

The trainer gets a class that extends its own by the steps of `FutureTrainer`: the head runs in the
model's forward pass, has optimizer groups and a rate of its own, and is left out of what is saved.
"""

from pathlib import Path
from typing import Any

import torch

from sfr_eval.errors import UserError
from sfr_eval.util.assets import cache_folder
from sfr_eval.util.reading import read_model
from sfr_train.flow.schedule import ScheduleSettings, without_idle_steps
from sfr_train.loop.future_trainer import FutureTrainer
from sfr_train.loop.gradient_gate import GradientGate
from sfr_train.loop.gradient_ratio import GradientRatio
from sfr_train.loop.head_run import HeadRun
from sfr_train.loop.head_trainer import StepCallback
from sfr_train.loop.sizes import sizes_of
from sfr_train.objectives import read_objective, trainer_of
from sfr_train.objectives.base import Objective
from sfr_train.plugins.text_targets import TextCollator, TextIndex, training_rows
from sfr_train.targets.cached import Targets, load_or_build
from sfr_train.targets.segments import TargetSettings
from sfr_train.targets.text_encoder import TextEncoder


def attach_future(
    trainer: Any,
    tokenizer: Any,
    *,
    objective: str | dict[str, Any] = "sfr",
    schedule: ScheduleSettings | dict[str, Any] | None = None,
    targets: TargetSettings | dict[str, Any] | None = None,
    encoder: TextEncoder | None = None,
    cache: Path | None = None,
) -> None:
    """Add an objective's loss on the future to a trainer that has not begun.

    Encodes the targets of `trainer.train_dataset`, which must be tokenized. The arguments are those
    of SFRTrainer. Raises UserError for an objective without a loss on the future (compute_loss_func
    has those), for `kl_to_base`, and for shuffled targets.
    """
    module, settings = read_objective(objective)
    name = module.__name__.rpartition(".")[2]
    if trainer_of(objective) != "sft":
        raise UserError(f"objective {name}: learns from samples; train it by sfr-eval train")
    if settings.needs is None:
        raise UserError(f"objective {name}: has no loss on the future; use compute_loss_func")
    if isinstance(trainer, FutureTrainer):
        raise UserError("attach_future: the trainer has a loss on the future already")
    if name == "kl_to_base":
        raise UserError("objective kl_to_base: needs SFRTrainer, which knows the base")
    plan = read_model(ScheduleSettings, schedule or {}, where="schedule")
    if plan.weight == 0:
        return
    values = read_model(TargetSettings, targets or {}, where="targets")
    if values.shuffled:
        raise UserError("targets.shuffled: needs SFRTrainer")
    built: Targets | None = None
    if settings.needs == "embeddings":
        rows = training_rows(trainer.train_dataset)
        built = load_or_build(
            rows,
            tokenizer=tokenizer,
            settings=values,
            cache=cache or cache_folder(),
            encoder=encoder,
        )
        trainer.data_collator = TextCollator(trainer.data_collator, built, TextIndex(rows))
    _extend(trainer, module, settings, schedule=plan, targets=built)


def _extend(
    trainer: Any, module: Any, settings: Any, *, schedule: ScheduleSettings, targets: Targets | None
) -> None:
    """Give the trainer its new class, the objective and the head."""
    sizes = sizes_of(trainer.model, targets)
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(trainer.args.seed)
        objective: Objective = module.build(settings, sizes)
    future = objective.future
    assert future is not None
    if future.head is None:
        schedule = without_idle_steps(schedule)
    own = type(trainer)
    trainer.__class__ = type(f"Future{own.__name__}", (AttachedTrainer, own), {})
    trainer.schedule, trainer.objective = schedule, objective
    trainer._gate, trainer._ratio = GradientGate(schedule), GradientRatio(schedule)
    trainer._base, trainer._step_weight = None, torch.ones(())
    if future.head is not None:
        trainer.attach(future.head)
    trainer.add_callback(StepCallback(trainer))
    trainer._run = HeadRun(trainer.model, future)


class AttachedTrainer(FutureTrainer):
    """FutureTrainer over a trainer that need not be TRL's."""

    _values: dict[str, float] | None = None

    def record_values(self, values: dict[str, float]) -> None:
        """Add values to the next line of the log."""
        if hasattr(self, "_metrics"):  # TRL's trainers collect their own there
            super().record_values(values)
        else:
            self._values = values

    def log(self, logs: dict[str, float], *arguments: Any, **named: Any) -> None:
        """Log with the values of the last measured step."""
        if self._values is not None and "loss" in logs:
            logs, self._values = {**logs, **self._values}, None
        super().log(logs, *arguments, **named)
