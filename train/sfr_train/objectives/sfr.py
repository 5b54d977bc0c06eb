"""Semantic Flow Regularization (2605.27971): CE + lambda flow matching of
E(y_{t+1..t+k}) given h_t.

With source constant, target onehot and head time_free the same class is MTP (Lemma A.5): a test
asserts that its value, gradients and training equal those of `mtp`.
"""

from dataclasses import dataclass, replace
from typing import Any, Literal

import torch
from pydantic import Field, model_validator

from sfr_train.flow.blind import BlindField, isotropic
from sfr_train.flow.flow import (
    Divergence,
    FlowMatching,
    constant_source,
    gaussian_source,
    mean_square,
    sum_square,
    transported_kl,
)
from sfr_train.flow.head import FlowHead, TimeFreeHead, TokenHeads
from sfr_train.flow.noise import HashNoise
from sfr_train.objectives import base


class Settings(base.Settings):
    """Parts of the flow and sizes of the head; the defaults are those of the public code."""

    source: Literal["gaussian", "constant"] = "gaussian"
    target: Literal["embedding", "onehot"] = "embedding"
    head: Literal["mlp", "time_free"] = "mlp"
    divergence: Literal["mean_square", "sum_square", "kl"] = "mean_square"
    skip: Literal["none", "covariance"] = Field(
        "none",
        description="covariance: add the best velocity that ignores h, known from the targets' "
        "covariance, so that the network learns only what is left",
    )
    width: int | None = Field(
        None, ge=1, description="default: 1024, or the size of the target if it is larger"
    )
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
        if self.skip != "none" and (self.source, self.target) != ("gaussian", "embedding"):
            raise ValueError("skip covariance needs source gaussian and target embedding")
        return self

    @property
    def needs(self) -> base.Needs:
        """The next tokens with one-hot targets, else embeddings of the future."""
        return "tokens" if self.target == "onehot" else "embeddings"


@dataclass
class Flow(base.FutureLoss):
    """The flow-matching loss at the anchors. tokens: K of one-hot targets, or 0 for embeddings;
    field: the best prediction without h, if it is known."""

    flow: FlowMatching
    tokens: int = 0
    tau_per: Literal["sequence", "anchor"] = "sequence"
    blind: bool = False
    field: BlindField | None = None

    def __post_init__(self) -> None:
        self.head: Any = self.flow.head

    def terms(self, anchors: base.Anchors, noise: HashNoise) -> base.FutureTerms:
        """Return the loss at one draw of (tau, z0) for each anchor."""
        if anchors.tokens is not None:
            vocabulary = self.head.tokens.heads[0].out_features
            target = torch.nn.functional.one_hot(anchors.tokens.clamp(min=0), vocabulary)
            target = target.to(torch.promote_types(anchors.hidden.dtype, torch.float32))
        else:
            assert anchors.target is not None
            target = anchors.target
        # Zero times the states keeps them in the graph, where distributed training expects them.
        hidden = 0.0 * anchors.hidden if self.blind else anchors.hidden
        return self._at_draws(self.flow, hidden, target=target, anchors=anchors, noise=noise)

    def blind_terms(self, anchors: base.Anchors, noise: HashNoise) -> base.FutureTerms | None:
        """Return the loss of the field at the same draws."""
        if self.field is None or anchors.target is None:
            return None
        self.field = self.field.to(anchors.target.device)
        flow, target = replace(self.flow, head=self.field), anchors.target
        return self._at_draws(flow, anchors.hidden, target=target, anchors=anchors, noise=noise)

    def expected_blind_loss(self, tau: torch.Tensor) -> torch.Tensor | None:
        """Return the field's mean loss at flow times (N,), with their weights."""
        return None if self.field is None else self.field.loss(tau) * self.flow.weight(tau)

    @staticmethod
    def _at_draws(
        flow: FlowMatching,
        hidden: torch.Tensor,
        *,
        target: torch.Tensor,
        anchors: base.Anchors,
        noise: HashNoise,
    ) -> base.FutureTerms:
        tau = noise.uniform().to(target)
        loss = flow.loss(hidden, target=target, noise=noise, tau=tau)
        return base.FutureTerms((loss * anchors.weight).sum(), loss.detach(), tau)


def build(settings: Settings, sizes: base.Sizes) -> base.Objective:
    """Build cross-entropy plus the flow with these settings."""
    head: FlowHead | TimeFreeHead
    field = None
    if settings.target == "onehot":
        point = torch.full((sizes.vocabulary,), 1 / sizes.vocabulary)
        tokens = settings.tokens
        heads = TokenHeads(hidden_size=sizes.hidden, vocabulary=sizes.vocabulary, tokens=tokens)
        head = TimeFreeHead(heads, point)
    else:
        point, tokens = torch.zeros(sizes.target), 0
        if settings.source == "gaussian":
            field = sizes.field or isotropic(sizes.target, scale=sizes.scale)
        head = FlowHead(
            size=sizes.target,
            hidden_size=sizes.hidden,
            width=settings.width or max(1024, sizes.target),
            skip=field if settings.skip == "covariance" else None,
            **settings.model_dump(include={"layers", "time_scale", "time_size"}),
        )
    divergences: dict[str, Divergence] = {
        "mean_square": mean_square,
        "sum_square": sum_square,
        "kl": transported_kl(point),
    }
    flow = FlowMatching(
        constant_source(point) if settings.source == "constant" else gaussian_source,
        head,
        divergences[settings.divergence],
        tau_weight=settings.tau_weight,
        scale=sizes.scale,
    )
    return base.Objective(
        future=Flow(
            flow, tokens=tokens, tau_per=settings.tau_per, blind=settings.blind, field=field
        )
    )
