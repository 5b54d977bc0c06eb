"""Work around the optimizer step when a head is trained beside the model."""

from typing import Any

import torch
from transformers import TrainerCallback

from sfr_train.flow.schedule import phase_at


class StepCallback(TrainerCallback):
    """Protects the model in head steps, averages the head, and lets the trainer log the step."""

    def __init__(self, trainer: Any) -> None:
        self._trainer = trainer
        self._before: list[torch.Tensor] | None = None

    def on_pre_optimizer_step(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        """Drop the model's gradients in head steps; keep the head's weights for the average."""
        trainer = self._trainer
        phase = phase_at(state.global_step, total=state.max_steps, settings=trainer.schedule)
        if not phase.cross_entropy:
            head = trainer.head
            in_head = {id(p) for p in head.parameters()} if head is not None else set()
            for parameter in trainer.model.parameters():
                if id(parameter) not in in_head:
                    parameter.grad = None
        if trainer.schedule.ema is not None and phase.joint and trainer.head is not None:
            self._before = [p.detach().clone() for p in trainer.head.parameters()]

    def on_optimizer_step(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        """head <- rho old + (1 - rho) new.

        The head is set to its average after every step, so the average is always the head before
        the step and needs no copy in a checkpoint. At the end of the head steps it starts from the
        trained head.
        """
        rho = self._trainer.schedule.ema
        if self._before is not None and rho is not None:
            with torch.no_grad():
                for parameter, old in zip(
                    self._trainer.head.parameters(), self._before, strict=True
                ):
                    parameter.lerp_(old, rho)
            self._before = None
        self._trainer.note_step()
