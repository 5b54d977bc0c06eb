"""Regression of the future's direction, 1 - cos(g(h), z1), with SFR's head at z = 0, tau = 0.

The head starts at g = 0, which has no direction: there the loss is 1 and its slope finite.
"""

import torch

from sfr_train.flow.head import Prediction
from sfr_train.objectives import base
from sfr_train.objectives.future_mse import Regression, make_head, mean_of
from sfr_train.objectives.future_mse import Settings as Settings

_FLOOR = 1e-3  # least norm to divide by: at g = 0 the slope is 1000 and not infinite


def one_minus_cosine(target: torch.Tensor, prediction: Prediction) -> torch.Tensor:
    """(N, D), (N, D) -> (N,), in [0, 2]."""
    # The norm itself has no gradient at 0; the root of a clamped square has one.
    direction = prediction.velocity
    lengths = direction.square().sum(-1).clamp(min=_FLOOR**2).sqrt()
    target = torch.nn.functional.normalize(target, dim=-1)
    return 1 - (direction * target).sum(-1) / lengths


def build(settings: Settings, sizes: base.Sizes) -> base.Objective:
    """Build cross-entropy plus direction."""
    return base.Objective(
        future=Regression(make_head(settings, sizes), one_minus_cosine, mean_of(sizes))
    )
