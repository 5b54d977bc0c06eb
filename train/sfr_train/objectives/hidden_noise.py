"""Noise on the last hidden state: what a loss on the future is worth if there is nothing to learn.

    gradient  CE + lambda <xi_t, h_t> with xi_t ~ N(0, I) / sqrt(H): dL/dh_t gets lambda xi_t
    forward   the LM head reads h_t + sigma rms(h_t) N(0, I) in training

The first has the gradient of a future loss without its meaning; with `schedule.gradient_ratio` also
its size. `direction: fresh` draws xi anew at each step, so that its mean is 0; `fixed` keeps the
one of a text's state for the whole training, as shuffled targets do. The draws are hashes of the
text up to the state: micro-batches, ranks and restarts see the same ones.
"""

from dataclasses import dataclass, replace
from typing import Literal

import torch
from pydantic import Field

from sfr_train.flow.noise import HashNoise
from sfr_train.objectives import base


class Settings(base.Settings):
    """sigma is relative to the root mean square of the state, and of kind `forward` only."""

    kind: Literal["gradient", "forward"] = "gradient"
    direction: Literal["fresh", "fixed"] = "fresh"
    sigma: float = Field(0.1, ge=0)

    @property
    def needs(self) -> base.Needs | None:
        """The supervised states; their tokens are not read."""
        return "tokens" if self.kind == "gradient" else None

    @property
    def by_micro_batch(self) -> bool:
        """Whether noise is drawn for each micro-batch; a random gradient is drawn for each row."""
        return self.kind == "forward"


@dataclass
class RandomGradient(base.FutureLoss):
    """sum_t <xi_t, h_t> over supervised states; it has no head."""

    direction: Literal["fresh", "fixed"]
    tokens: int = 1  # the state of each supervised token
    head: None = None

    def terms(self, anchors: base.Anchors, noise: HashNoise) -> base.FutureTerms:
        """Return the inner products of the micro-batch."""
        if self.direction == "fixed":
            noise = replace(noise, step=0)
        states = anchors.hidden.float()
        directions = noise.normal(states.shape[1]).to(states) / states.shape[1] ** 0.5
        loss = (directions * states).sum(-1)
        return base.FutureTerms((loss * anchors.weight[:, 0]).sum(), loss.detach())


def state_noise(states: torch.Tensor, *, sigma: float) -> torch.Tensor:
    """Draw sigma rms(h) N(0, I) for states (..., H) from the global generator."""
    size = states.detach().float().square().mean(-1, keepdim=True).sqrt()
    return sigma * size.to(states) * torch.randn_like(states)


def build(settings: Settings, sizes: base.Sizes) -> base.Objective:
    """Build cross-entropy with noisy states, or with a random gradient."""
    if settings.kind == "forward":
        return base.Objective(hidden_noise=settings.sigma)
    return base.Objective(future=RandomGradient(settings.direction))
