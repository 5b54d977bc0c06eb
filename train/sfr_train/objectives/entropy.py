"""An entropy bonus: -log p_y - beta H(p), with H(p) = -sum_v p_v log p_v in nats.

The logit gradient is p - e_y + beta p (log p + H): it takes from tokens more likely than exp(-H)
and gives to the others (confidence penalty, Pereyra et al. 1701.06548).
"""

from functools import partial

import torch
from pydantic import Field

from sfr_train.objectives import base


class Settings(base.Settings):
    """beta is in nats of loss for each nat of entropy."""

    beta: float = Field(0.1, ge=0)


def token_loss(logits: torch.Tensor, token: torch.Tensor, *, beta: float) -> torch.Tensor:
    """(N, V), (N,) -> (N,)."""
    log_p = torch.log_softmax(logits, dim=-1)
    entropy = -(log_p.exp() * log_p.clamp(min=-200)).sum(-1)
    return -log_p.gather(-1, token[:, None]).squeeze(-1) - beta * entropy


def build(settings: Settings, sizes: base.Sizes) -> base.Objective:
    """Build cross-entropy with the bonus; beta 0 is TRL's own loss."""
    if settings.beta == 0:
        return base.Objective()
    return base.Objective(partial(token_loss, **settings.model_dump()))
