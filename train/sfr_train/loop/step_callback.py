"""What happens around the optimizer's step when a head is trained beside the model."""

from typing import Any

import torch
from transformers import TrainerCallback

from sfr_train.flow.schedule import phase_at


class StepCallback(TrainerCallback):
    """Head steps spare the model; the head's mean is taken; the trainer notes the step."""

    def __init__(self, trainer: Any) -> None:
        self._trainer = trainer
        self._before: list[torch.Tensor] | None = None

    def on_pre_optimizer_step(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        """Head steps without cross-entropy leave the model alone; keep the head for its mean."""
        trainer = self._trainer
        phase = phase_at(state.global_step, total=state.max_steps, settings=trainer.schedule)
        if not phase.cross_entropy:
            own = {id(p) for p in trainer.head.parameters()} if trainer.head is not None else set()
            for parameter in trainer.model.parameters():
                if id(parameter) not in own:
                    parameter.grad = None
        if trainer.schedule.ema is not None and phase.joint and trainer.head is not None:
            self._before = [p.detach().clone() for p in trainer.head.parameters()]

    def on_optimizer_step(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        """head <- rho old + (1 - rho) new. As the head is set to its mean after every step, the
        mean is always the head before the step and needs no copy in a checkpoint; at the end of
        the head steps it starts from the trained head."""
        rho = self._trainer.schedule.ema
        if self._before is not None and rho is not None:
            with torch.no_grad():
                for parameter, old in zip(
                    self._trainer.head.parameters(), self._before, strict=True
                ):
                    parameter.lerp_(old, rho)
            self._before = None
        self._trainer.note_step()
