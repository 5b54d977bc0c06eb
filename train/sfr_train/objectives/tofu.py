"""TOFU (2605.00195): sg(g(p, gamma)) beta (-log softmax(z / beta)_y).

g(p, gamma) = (1-p)^gamma - gamma p (1-p)^(gamma-1) log p is the slope of the focal loss in -log p.
The logit gradient is g (softmax(z/beta) - e_y): beta below 1 stops pushing earlier, and gamma moves
gradient to unlikely tokens.
"""

from functools import partial

import torch
from pydantic import Field

from sfr_train.objectives import base
from sfr_train.objectives.focal import rest


class Settings(base.Settings):
    """The defaults are those of the paper's code."""

    gamma: float = Field(3.0, ge=0)
    beta: float = Field(0.8, gt=0)


def focal_slope(log_p: torch.Tensor, gamma: float) -> torch.Tensor:
    """g(p, gamma) >= 0 from log p. It tends to 1 for p -> 0, and to 0 for p -> 1 (gamma > 1)."""
    left = rest(log_p)
    # p log p from log p: it is 0 at p = 0, where p times its own logarithm would be NaN.
    p_log_p = torch.exp(log_p) * log_p.clamp(min=-200)
    return left.pow(gamma) - gamma * left.pow(gamma - 1) * p_log_p


def token_loss(
    logits: torch.Tensor, token: torch.Tensor, *, gamma: float, beta: float
) -> torch.Tensor:
    """(N, V), (N,) -> (N,). gamma 0 has GEM-linear's gradient, beta 1 focal's, both CE's."""
    log_tempered = base.log_probability(logits / beta, token)
    with torch.no_grad():
        weight = focal_slope(base.log_probability(logits, token), gamma)
    return -weight * beta * log_tempered


def build(settings: Settings, sizes: base.Sizes) -> base.Objective:
    """Build the TOFU objective."""
    return base.Objective(partial(token_loss, **settings.model_dump()))
