"""Label smoothing (Szegedy et al. 1512.00567): (1 - e) (-log p_y) + e mean_v(-log p_v)."""

from functools import partial

import torch
from pydantic import Field

from sfr_train.objectives import base


class Settings(base.Settings):
    """smoothing is e, the share of the uniform distribution."""

    smoothing: float = Field(0.1, ge=0, lt=1)


def token_loss(logits: torch.Tensor, token: torch.Tensor, *, smoothing: float) -> torch.Tensor:
    """(N, V), (N,) -> (N,); smoothing 0 is cross-entropy."""
    log_total = torch.logsumexp(logits, dim=-1)
    picked = logits.gather(-1, token[:, None]).squeeze(-1)
    return log_total - (1 - smoothing) * picked - smoothing * logits.mean(dim=-1)


def build(settings: Settings, sizes: base.Sizes) -> base.Objective:
    """Build cross-entropy with label smoothing."""
    return base.Objective(partial(token_loss, **settings.model_dump()))
