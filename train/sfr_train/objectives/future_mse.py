"""Regression of the future's embedding, (1/D) |g(h) - z1|^2: SFR without the flow.

g is SFR's own head at z = 0, tau = 0, so the two objectives differ only in the flow. The optimum is
the conditional mean, an average of the modes.
"""

from dataclasses import dataclass

import torch
from pydantic import Field

from sfr_train.flow.flow import Divergence, mean_square
from sfr_train.flow.head import FlowHead, Prediction
from sfr_train.flow.noise import HashNoise
from sfr_train.objectives import base


class Settings(base.EmbeddingSettings):
    """The head's sizes."""

    width: int | None = Field(
        None, ge=1, description="default: 1024, or the size of the target if it is larger"
    )
    layers: int = Field(3, ge=2)
    time_size: int | None = Field(None, ge=4)


@dataclass
class Regression(base.FutureLoss):
    """The head as a projection, with a distance from the target. mean (D,): of the targets, the
    best prediction without h."""

    head: FlowHead
    distance: Divergence
    mean: torch.Tensor | None = None

    def terms(self, anchors: base.Anchors, noise: HashNoise) -> base.FutureTerms:
        """Return the loss of the micro-batch; it uses no random numbers."""
        assert anchors.target is not None
        zero = torch.zeros_like(anchors.target)
        prediction = self.head.predict(zero, zero[:, 0], anchors.hidden)
        loss = self.distance(anchors.target, prediction)
        return base.FutureTerms((loss * anchors.weight).sum(), loss.detach())

    def blind_terms(self, anchors: base.Anchors, noise: HashNoise) -> base.FutureTerms | None:
        """Return the loss of predicting the mean; for a direction, the mean's."""
        if self.mean is None or anchors.target is None:
            return None
        prediction = Prediction(self.mean.to(anchors.target).expand_as(anchors.target))
        loss = self.distance(anchors.target, prediction)
        return base.FutureTerms((loss * anchors.weight).sum(), loss)


def make_head(settings: Settings, sizes: base.Sizes) -> FlowHead:
    """Build SFR's head with these sizes."""
    return FlowHead(
        size=sizes.target,
        hidden_size=sizes.hidden,
        **{**settings.model_dump(), "width": settings.width or max(1024, sizes.target)},
    )


def mean_of(sizes: base.Sizes) -> torch.Tensor | None:
    """Return the mean of the targets, if it is known."""
    return sizes.field.mean if sizes.field else None


def build(settings: Settings, sizes: base.Sizes) -> base.Objective:
    """Build cross-entropy plus regression."""
    return base.Objective(
        future=Regression(make_head(settings, sizes), mean_square, mean_of(sizes))
    )
