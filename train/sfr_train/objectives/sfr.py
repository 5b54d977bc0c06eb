"""Semantic Flow Regularization (2605.27971): CE + lambda flow matching of
E(y_{t+1..t+k}) given h_t.

With source constant, target onehot and head time_free the same class is MTP (Lemma A.5): a test
asserts that its value, gradients and training equal those of `mtp`.
"""

from typing import Literal

import torch
from pydantic import Field, model_validator

from sfr_train.flow.flow import (
    ConstantSource,
    Divergence,
    FlowMatching,
    GaussianSource,
    Head,
    MeanSquare,
    Source,
    SumSquare,
    TransportedKL,
)
from sfr_train.flow.head import FlowHead, TimeFreeHead, TokenHeads
from sfr_train.flow.noise import Noise
from sfr_train.objectives import base


class Settings(base.Settings):
    """Parts of the flow and sizes of the head; the defaults are those of the public code."""

    source: Literal["gaussian", "constant"] = "gaussian"
    target: Literal["embedding", "onehot"] = "embedding"
    head: Literal["mlp", "time_free"] = "mlp"
    divergence: Literal["mean_square", "sum_square", "kl"] = "mean_square"
    width: int = Field(1024, ge=1)
    layers: int = Field(3, ge=2, description="input, blocks and output: 3 has one block")
    time_scale: float = Field(1.0, gt=0, description="1 as published; 1000 is common")
    time_size: int | None = Field(None, ge=4, description="default: the size of the target")
    tau_per: Literal["sequence", "anchor"] = "sequence"
    tau_weight: Literal["none", "min_snr"] = "none"
    tokens: int = Field(4, ge=1, description="K, with target onehot")
    blind: bool = Field(False, description="control: the head gets zeros in place of h")

    @model_validator(mode="after")
    def _parts_fit(self) -> "Settings":
        if (self.target == "onehot") != (self.head == "time_free"):
            raise ValueError("target onehot and head time_free go together")
        if self.divergence == "kl" and (self.source, self.target) != ("constant", "onehot"):
            raise ValueError("divergence kl needs source constant and target onehot")
        return self

    @property
    def needs(self) -> base.Needs:
        """The next tokens with one-hot targets, else embeddings of the future."""
        return "tokens" if self.target == "onehot" else "embeddings"


class Flow(base.WeightedAnchors):
    """The flow-matching loss at the anchors."""

    def __init__(
        self,
        flow: FlowMatching,
        *,
        head: torch.nn.Module,
        tokens: int = 0,
        tau_per: Literal["sequence", "anchor"] = "sequence",
        blind: bool = False,
    ) -> None:
        """tokens: K of one-hot targets, or 0 for embeddings."""
        self._blind = blind
        self.flow = flow
        self.tau_per = tau_per
        self.head = head
        self.tokens = tokens

    def terms(self, anchors: base.Anchors, noise: Noise) -> base.FutureTerms:
        """One draw of (tau, z0) for each anchor."""
        if anchors.tokens is not None:
            vocabulary = self.head.tokens.heads[0].out_features
            target = torch.nn.functional.one_hot(anchors.tokens.clamp(min=0), vocabulary)
            target = target.to(anchors.hidden.dtype)
            target = target if target.dtype == torch.float64 else target.float()
        else:
            assert anchors.target is not None
            target = anchors.target
        # Zero times the states keeps them in the graph, where distributed training expects them.
        hidden = 0.0 * anchors.hidden if self._blind else anchors.hidden
        terms = self.flow.terms(hidden=hidden, target=target, noise=noise)
        return base.FutureTerms((terms.loss * anchors.weight).sum(), terms.loss.detach(), terms.tau)


def build(settings: Settings, sizes: base.Sizes) -> base.Objective:
    """Cross-entropy plus the flow with these settings."""
    head: torch.nn.Module
    source: Source = GaussianSource()
    if settings.target == "onehot":
        point = torch.full((sizes.vocabulary,), 1 / sizes.vocabulary)
        heads = TokenHeads(
            hidden_size=sizes.hidden, vocabulary=sizes.vocabulary, tokens=settings.tokens
        )
        head = TimeFreeHead(heads, point)
    else:
        point = torch.zeros(sizes.target)
        head = FlowHead(
            size=sizes.target,
            hidden_size=sizes.hidden,
            width=settings.width,
            layers=settings.layers,
            time_scale=settings.time_scale,
            time_size=settings.time_size,
        )
    if settings.source == "constant":
        source = ConstantSource(point)
    divergences: dict[str, Divergence] = {
        "mean_square": MeanSquare(),
        "sum_square": SumSquare(),
        "kl": TransportedKL(point),
    }
    predictor: Head = head
    flow = FlowMatching(
        source,
        predictor,
        divergences[settings.divergence],
        tau_weight=settings.tau_weight,
        scale=sizes.scale,
    )
    tokens = settings.tokens if settings.target == "onehot" else 0
    loss = Flow(flow, head=head, tokens=tokens, tau_per=settings.tau_per, blind=settings.blind)
    return base.Objective(future=loss)
