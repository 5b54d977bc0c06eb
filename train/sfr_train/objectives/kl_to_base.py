"""Cross-entropy plus the divergence from the model before training, at every supervised state.

    reverse  CE + beta KL(q || base), as in reinforcement learning: q stays where the base has mass
    forward  CE + beta KL(base || q): q keeps all of the base's mass

beta is `schedule.weight`. Under LoRA the base is the same model with its adapters off; in full
fine-tuning it is a second frozen copy on each rank. Both LM heads read some states at a time.
"""

from collections.abc import Callable
from typing import Literal

import torch
from torch.utils.checkpoint import checkpoint

from sfr_train.flow.noise import HashNoise
from sfr_train.objectives import base

Logits = Callable[[torch.Tensor], torch.Tensor]
"""States (N, H) -> logits (N, V) in float32."""
_CHUNK = 2**26  # float32 logits at a time: a quarter of a gigabyte


class Settings(base.Settings):
    """copy_dtype is of the second copy in full fine-tuning; bfloat16 halves its memory."""

    direction: Literal["reverse", "forward"] = "reverse"
    copy_dtype: Literal["float32", "bfloat16"] = "float32"

    @property
    def needs(self) -> base.Needs:
        """The supervised states; their tokens are not read."""
        return "tokens"


class BaseDivergence(base.FutureLoss):
    """The divergence at each state. The trainer sets both functions, and puts the base's states
    into the target of each anchor."""

    tokens = 1
    head = None
    model_logits: Logits
    base_logits: Logits

    def __init__(self, settings: Settings, *, vocabulary: int) -> None:
        self.direction = settings.direction
        self._size = max(1, _CHUNK // vocabulary)
        self.copy_dtype = getattr(torch, settings.copy_dtype)

    def terms(self, anchors: base.Anchors, noise: HashNoise) -> base.FutureTerms:
        """Return the loss of the micro-batch; it uses no random numbers."""
        assert anchors.target is not None

        def part(states: torch.Tensor, base_states: torch.Tensor) -> torch.Tensor:
            with torch.no_grad():
                reference = self.base_logits(base_states)
            return divergence(self.model_logits(states), reference, direction=self.direction)

        size = self._size
        pieces = zip(anchors.hidden.split(size), anchors.target.split(size), strict=True)
        loss = torch.cat([checkpoint(part, *pair, use_reentrant=False) for pair in pieces])
        return base.FutureTerms((loss * anchors.weight[:, 0]).sum(), loss.detach())


def divergence(
    logits: torch.Tensor, base_logits: torch.Tensor, *, direction: Literal["reverse", "forward"]
) -> torch.Tensor:
    """KL(q || base) or KL(base || q) of each row in nats, (N, V), (N, V) -> (N,)."""
    log_q = torch.log_softmax(logits, dim=-1)
    log_base = torch.log_softmax(base_logits, dim=-1)
    first, second = (log_q, log_base) if direction == "reverse" else (log_base, log_q)
    # At -200 a probability is 0 in float32, and 0 (log 0 - x) is 0 here rather than NaN.
    return (first.exp() * (first.clamp(min=-200) - second.clamp(min=-200))).sum(-1)


def build(settings: Settings, sizes: base.Sizes) -> base.Objective:
    """Build cross-entropy plus the divergence."""
    return base.Objective(future=BaseDivergence(settings, vocabulary=sizes.vocabulary))
