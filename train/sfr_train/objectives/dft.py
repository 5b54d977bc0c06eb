"""DFT (2508.05629): -sg(p_y) log p_y."""

import torch

from sfr_train.objectives import base

Settings = base.Settings


def token_loss(logits: torch.Tensor, token: torch.Tensor) -> torch.Tensor:
    """(N, V), (N,) -> (N,)."""
    log_p = base.log_probability(logits, token)
    return -log_p.detach().exp() * log_p


def build(settings: Settings, sizes: base.Sizes) -> base.Objective:
    """Build the DFT objective."""
    return base.Objective(token_loss=token_loss)
