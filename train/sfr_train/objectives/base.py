"""What an objective is made of.

    N supervised positions, H hidden size, V vocabulary, D target size, K tokens ahead

Every part is a sum over the positions of one micro-batch. The trainer divides by the weight of the
whole optimizer step, over all micro-batches and ranks, so that neither the number of accumulation
steps nor the number of processes changes a loss. (The public code of SFR divides within each
micro-batch.)
"""

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

import torch

from sfr_train import settings
from sfr_train.flow.blind import BlindField
from sfr_train.flow.noise import HashNoise

TokenLoss = Callable[[torch.Tensor, torch.Tensor], torch.Tensor]
"""(logits (N, V) float32, token (N,)) -> loss of each token (N,)."""
Needs = Literal["embeddings", "tokens"]
"""What a loss on the future reads: embeddings of future text, or the next K tokens."""


class Settings(settings.Settings):
    """Base of every objective's settings."""

    @property
    def needs(self) -> Needs | None:
        """What the objective reads of the future; None without a loss on it."""
        return None

    @property
    def by_micro_batch(self) -> bool:
        """Whether the same rows in other micro-batches have another loss, beyond rounding."""
        return False


class EmbeddingSettings(Settings):
    """Base of the settings of a loss on embeddings of the future."""

    @property
    def needs(self) -> Needs:
        """Embeddings of the future."""
        return "embeddings"


@dataclass(frozen=True)
class Sizes:
    """What networks and losses must know about the model and its targets. scale: standard deviation
    of a target coordinate; field: mean and covariance of the targets."""

    hidden: int
    vocabulary: int
    target: int = 0
    scale: float = 1.0
    field: BlindField | None = None


@dataclass(frozen=True)
class Anchors:
    """The supervised states of one micro-batch with their targets.

    hidden (N, H); weight (N,), or (N, K) for tokens; sequences (N,): index of the sample in the
    micro-batch; target (N, D) float32; tokens (N, K). N is at least 1: a rank without anchors gets
    one of weight 0, because every rank has to run the head.
    """

    hidden: torch.Tensor
    weight: torch.Tensor
    sequences: torch.Tensor
    target: torch.Tensor | None = None
    tokens: torch.Tensor | None = None


@dataclass(frozen=True)
class FutureTerms:
    """total: sum of weighted losses, to be divided by the step's weight; loss: the loss of each
    anchor, detached; tau: flow times (N,), if the loss has any."""

    total: torch.Tensor
    loss: torch.Tensor
    tau: torch.Tensor | None = None


class FutureLoss(ABC):
    """A loss on states and the text that follows them, added to cross-entropy with a weight."""

    tokens: int = 0  # K of a loss on the next tokens; 0 for a loss on embeddings
    tau_per: Literal["sequence", "anchor"] = "anchor"  # what shares a flow time
    head: Any  # nn.Module trained beside the model, or None

    @abstractmethod
    def terms(self, anchors: Anchors, noise: HashNoise) -> FutureTerms:
        """Return the loss of one micro-batch."""

    def blind_terms(self, anchors: Anchors, noise: HashNoise) -> FutureTerms | None:
        """Return the loss, at the same draws, of the best prediction that knows mean and covariance
        of the targets but not h; None if the loss has no such reference."""
        return None

    def expected_blind_loss(self, tau: torch.Tensor) -> torch.Tensor | None:
        """Return the mean of that loss at flow times (N,), or None."""
        return None

    def step_weight(self, weight: torch.Tensor, sequences: torch.Tensor) -> torch.Tensor:
        """Return what this micro-batch adds to the divisor, a scalar: the sum of its weights."""
        return weight.sum()


@dataclass(frozen=True)
class Objective:
    """token_loss replaces cross-entropy (None: TRL's own); future is added to it; embedding_noise
    is NEFTune's alpha, hidden_noise the relative noise on the last hidden state."""

    token_loss: TokenLoss | None = None
    future: FutureLoss | None = None
    embedding_noise: float = 0.0
    hidden_noise: float = 0.0


def log_probability(logits: torch.Tensor, token: torch.Tensor) -> torch.Tensor:
    """log softmax(z)_y by log-sum-exp, which stays finite where p underflows to 0."""
    picked = logits.gather(-1, token[..., None]).squeeze(-1)
    return picked - torch.logsumexp(logits, dim=-1)
