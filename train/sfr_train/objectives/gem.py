"""GEM (2408.16673): -sum_v sg(q_v) w_v (log p_y - log p_v), q = softmax(z / beta).

linear: w = 1, with the logit gradient q - e_y. logsigmoid: w_v = sigmoid(0.01 (z_v - z_y)), held
fixed and about 1/2, so that its effective learning rate is about half of linear's.
"""

from functools import partial
from typing import Literal

import torch
from pydantic import Field

from sfr_train.objectives import base


class Settings(base.Settings):
    """beta as in the paper, whose scripts use logsigmoid and whose fused kernel uses linear."""

    beta: float = Field(0.7, gt=0)
    weighting: Literal["linear", "logsigmoid"] = "linear"


def token_loss(
    logits: torch.Tensor, token: torch.Tensor, *, beta: float, weighting: str
) -> torch.Tensor:
    """(N, V), (N,) -> (N,). log p_y - log p_v is a difference of logits."""
    picked = logits.gather(-1, token[:, None])
    with torch.no_grad():
        weight = torch.softmax(logits / beta, dim=-1)
        if weighting == "logsigmoid":
            weight = weight * torch.sigmoid(0.01 * (logits - picked))
    return (weight * (logits - picked)).sum(dim=-1)


def build(settings: Settings, sizes: base.Sizes) -> base.Objective:
    """Build the GEM objective."""
    return base.Objective(partial(token_loss, **settings.model_dump()))
