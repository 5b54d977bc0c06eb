"""Focal loss (Lin et al. 1708.02002): -(1 - p)^gamma log p. Both factors have a gradient."""

from functools import partial

import torch
from pydantic import Field

from sfr_train.objectives import base


class Settings(base.Settings):
    """gamma is 3 as in TOFU's comparison; the original paper uses 2."""

    gamma: float = Field(3.0, ge=0)


def token_loss(logits: torch.Tensor, token: torch.Tensor, *, gamma: float) -> torch.Tensor:
    """(N, V), (N,) -> (N,); gamma 0 is cross-entropy."""
    log_p = base.log_probability(logits, token)
    return -log_p * rest(log_p).pow(gamma)


def rest(log_p: torch.Tensor) -> torch.Tensor:
    """1 - p, clamped above 0, where a power below 1 would have an infinite gradient."""
    return -torch.expm1(log_p.clamp(max=-1e-7))


def build(settings: Settings, sizes: base.Sizes) -> base.Objective:
    """Build the focal objective."""
    return base.Objective(partial(token_loss, **settings.model_dump()))
