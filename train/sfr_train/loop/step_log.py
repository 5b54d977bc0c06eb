"""Which steps are logged, and the cross-entropy that an objective's total loss hides."""

from typing import Any

import torch


def is_logged(step: int, *, arguments: Any, state: Any, steps_an_epoch: int) -> bool:
    """Return whether the Trainer logs after optimizer step `step` = 0, 1, ...; lengths below 1 and
    epochs included."""
    done = step + 1
    if arguments.logging_strategy == "epoch":
        return done % steps_an_epoch == 0 or done == state.max_steps
    if arguments.logging_strategy != "steps":
        return False
    first = bool(arguments.logging_first_step) and done == 1
    return first or (state.logging_steps > 0 and done % state.logging_steps == 0)


class StepMean:
    """The mean over optimizer steps of a loss that micro-batches and ranks share, in nats a token.

    Each micro-batch adds its part of the step's loss, as the Trainer adds its own; every rank's
    part is multiplied by the number of ranks, so that the mean over ranks is their sum.
    """

    def __init__(self) -> None:
        self._sum: torch.Tensor | float = 0.0
        self._steps = 0

    def add(self, part: torch.Tensor) -> None:
        """Add the part of one micro-batch; nothing is copied from the device."""
        self._sum = self._sum + part.detach().float().mean()

    def close_step(self) -> None:
        """Count an optimizer step."""
        self._steps += 1

    def take(self, accelerator: Any) -> float | None:
        """Return the mean since the last call, over all ranks, each of which must call; None
        without a step."""
        if not self._steps:
            return None
        total = torch.as_tensor(self._sum, device=accelerator.device)
        mean = float(accelerator.reduce(total, reduction="mean")) / self._steps
        self._sum, self._steps = 0.0, 0
        return mean
