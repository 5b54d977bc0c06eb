"""Losses on full logits, with bounded memory for a large vocabulary."""

import torch
from torch.utils.checkpoint import checkpoint

from sfr_train.objectives.base import TokenLoss
from sfr_train.segments import IGNORED

_CHUNK = 2**26  # logits in float32 at once: a quarter of a gigabyte


def cross_entropy(logits: torch.Tensor, token: torch.Tensor) -> torch.Tensor:
    """-log p_y of each token, (N, V), (N,) -> (N,)."""
    return torch.nn.functional.cross_entropy(logits, token, reduction="none")


def supervised_loss(
    logits: torch.Tensor, labels: torch.Tensor, *, token_loss: TokenLoss
) -> torch.Tensor:
    """Sum of the loss over supervised tokens, in float32; logits (B, T, V), labels (B, T)
    unshifted. Beyond a size the float32 copy is made piece by piece and again in backward."""
    used = labels[:, 1:] != IGNORED
    picked, token = logits[:, :-1][used], labels[:, 1:][used]
    size = max(1, _CHUNK // logits.shape[-1])

    def part(some: torch.Tensor, theirs: torch.Tensor) -> torch.Tensor:
        return token_loss(some.float(), theirs).sum()

    if len(picked) <= size:
        return part(picked, token)
    parts = [
        checkpoint(part, picked[i : i + size], token[i : i + size], use_reentrant=False)
        for i in range(0, len(picked), size)
    ]
    return torch.stack(parts).sum()
