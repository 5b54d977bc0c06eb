"""Multi-token prediction (2404.19737) with linear heads (SFR Def. A.4).

L = CE + mu mean over valid (t, i) of -log q_i(y_{t+i} | h_t), i = 1..K, equal weights. Head i = 1
predicts the next token once more, as in Def. A.4. Tokens past the end of the sample or outside the
loss count neither in the sum nor in the divisor.
"""

from pydantic import Field

from sfr_train.flow.head import TokenHeads
from sfr_train.flow.noise import HashNoise
from sfr_train.objectives import base


class Settings(base.Settings):
    """tokens is K, how many tokens ahead are predicted."""

    tokens: int = Field(4, ge=1)

    @property
    def needs(self) -> base.Needs:
        """The next tokens."""
        return "tokens"


class NextTokens(base.FutureLoss):
    """The heads and their cross-entropy."""

    def __init__(self, head: TokenHeads) -> None:
        self.head = head
        self.tokens = len(head.heads)

    def terms(self, anchors: base.Anchors, noise: HashNoise) -> base.FutureTerms:
        """Return the loss of the micro-batch; it uses no random numbers."""
        assert anchors.tokens is not None
        loss = anchors.weight * self.head(anchors.hidden, anchors.tokens.clamp(min=0))
        return base.FutureTerms(loss.sum(), loss.detach().sum(1))


def build(settings: Settings, sizes: base.Sizes) -> base.Objective:
    """Build cross-entropy plus K heads."""
    head = TokenHeads(hidden_size=sizes.hidden, vocabulary=sizes.vocabulary, tokens=settings.tokens)
    return base.Objective(future=NextTokens(head))
