"""Diversity at no loss of quality: the weight of the bonus follows the quality of the replies.

    alpha_t = alpha * exp(gain * (q_t - q_0 - margin))

q_t is the running mean of the quality of the training batches (decay 0.7), q_0 that of the first
four. A fixed alpha sits on a knife's edge, because the bonus pays for nonsense as well: a little
less and the policy spends all its steps on quality, a little more and quality goes. With the floor,
quality that falls below its start takes the bonus back, and quality above it is spent on volume.
"""

import math
from typing import Any

from transformers import TrainerCallback
from transformers.trainer_callback import ExportableState

_DECAY = 0.7
_FIRST = 4  # batches whose mean is the start
_GAIN = 8.0  # a quality that is .1 too high or low weighs the bonus 2.2 times, or by .45


class QualityFloor(TrainerCallback, ExportableState):  # type: ignore[misc]
    """The weight of the bonus over training. A callback, because the Trainer keeps the state of
    callbacks in its checkpoints."""

    def __init__(self, alpha: float, margin: float) -> None:
        self.alpha, self.margin = alpha, margin
        self.first: list[float] = []
        self.mean: float | None = None

    def weight(self, quality: float) -> float:
        """Take the mean quality of a batch of training, over all ranks, and return the weight of
        the bonus in it."""
        if len(self.first) < _FIRST:
            self.first.append(quality)
        self.mean = quality if self.mean is None else _DECAY * self.mean + (1 - _DECAY) * quality
        start = math.fsum(self.first) / len(self.first)
        return self.alpha * math.exp(_GAIN * (self.mean - start - self.margin))

    def on_train_begin(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        """Continue where a checkpoint was written; the Trainer itself restores callbacks only if
        its arguments ask for it."""
        stored = state.stateful_callbacks.get(type(self).__name__)
        if state.global_step and stored:
            self.first = list(stored["attributes"]["first"])
            self.mean = stored["attributes"]["mean"]

    def state(self) -> dict[str, Any]:
        """Return what the Trainer writes into a checkpoint."""
        return {
            "args": {"alpha": self.alpha, "margin": self.margin},
            "attributes": {"first": self.first, "mean": self.mean},
        }
