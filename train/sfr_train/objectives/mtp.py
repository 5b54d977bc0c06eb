"""Multi-token prediction (2404.19737) with linear heads (SFR Def. A.4).

L = CE + mu mean over valid (t, i) of -log q_i(y_{t+i} | h_t), i = 1..K, equal weights. Head i = 1
predicts the next token again, as in Def. A.4. Tokens past the sample's end or outside the loss are
left out of numerator and divisor.
"""

from typing import Literal

import torch
from pydantic import Field
from torch import nn

from sfr_train.flow.head import TokenHeads
from sfr_train.flow.noise import Noise
from sfr_train.objectives import base


class Settings(base.Settings):
    """K: tokens ahead."""

    tokens: int = Field(4, ge=1)


class NextTokens(base.WeightedAnchors):
    """The heads and their cross-entropy."""

    needs: Literal["embeddings", "tokens"] = "tokens"

    def __init__(self, head: TokenHeads) -> None:
        self.head = head
        self.tokens = len(head.heads)

    def terms(self, anchors: base.Anchors, noise: Noise) -> base.FutureTerms:
        """Nothing random."""
        assert anchors.tokens is not None
        logits = self.head(anchors.hidden)
        logits = logits if logits.dtype == torch.float64 else logits.float()
        loss = nn.functional.cross_entropy(
            logits.flatten(0, 1), anchors.tokens.clamp(min=0).flatten(), reduction="none"
        ).view_as(anchors.tokens)
        per_anchor = (loss * anchors.weight).detach().sum(1)
        return base.FutureTerms((loss * anchors.weight).sum(), per_anchor)


def build(settings: Settings, sizes: base.Sizes) -> base.Objective:
    """Cross-entropy and K heads."""
    head = TokenHeads(hidden_size=sizes.hidden, vocabulary=sizes.vocabulary, tokens=settings.tokens)
    return base.Objective(future=NextTokens(head))
