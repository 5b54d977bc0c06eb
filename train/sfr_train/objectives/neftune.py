"""NEFTune (2310.05914): embeddings += U(-1, 1) alpha / sqrt(L H), in training only.

L is the true length of the sample. Common implementations use the padded length, which gives a
short sample in a long batch too little noise.
"""

import torch
from pydantic import Field

from sfr_train.objectives import base


class Settings(base.Settings):
    """alpha is 5 to 15 in the paper."""

    alpha: float = Field(5.0, ge=0)

    @property
    def by_micro_batch(self) -> bool:
        """True: noise is drawn for each micro-batch."""
        return True


def embedding_noise(
    embeddings: torch.Tensor, lengths: torch.Tensor, *, alpha: float
) -> torch.Tensor:
    """Draw noise for embeddings (B, T, H); lengths (B, T): true length of each token's sample."""
    size = alpha / torch.sqrt(lengths.clamp(min=1) * embeddings.shape[-1])
    return torch.empty_like(embeddings).uniform_(-1, 1) * size[..., None].to(embeddings)


def build(settings: Settings, sizes: base.Sizes) -> base.Objective:
    """Build cross-entropy with noisy embeddings."""
    return base.Objective(embedding_noise=settings.alpha)
