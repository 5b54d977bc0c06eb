"""The loss on the tokens, from the logits of supervised tokens alone.

TRL's fused LM head keeps no logits, which saves the memory of a large vocabulary but halves the
speed on a CPU. Here the LM head reads only the states that predict a supervised token: prompts and
padding, most of a batch of chats, never pass through it.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch.utils.checkpoint import checkpoint

from sfr_train.loop.batch import supervised_states
from sfr_train.objectives.base import TokenLoss
from sfr_train.targets.segments import IGNORED

_CHUNK = 2**26  # float32 logits at a time: a quarter of a gigabyte


class SupervisedLogits:
    """A hook before the LM head of one model. Adapters, DDP, FSDP2 and ZeRO-3 see an ordinary
    forward pass."""

    def __init__(self, model: Any) -> None:
        self._states: torch.Tensor | None = None
        model.get_output_embeddings().register_forward_pre_hook(self._pick)

    @contextmanager
    def only(self, states: torch.Tensor | None) -> Iterator[None]:
        """Within this context a forward pass gives logits (N, V) of these states (B, T) bool in
        place of (B, T, V); None: of all states."""
        self._states = states
        try:
            yield
        finally:
            self._states = None

    def _pick(self, module: Any, arguments: tuple[Any, ...]) -> tuple[Any, ...] | None:
        return None if self._states is None else (arguments[0][self._states], *arguments[1:])


def cross_entropy(logits: torch.Tensor, token: torch.Tensor) -> torch.Tensor:
    """-log p_y of each token, (N, V), (N,) -> (N,)."""
    return torch.nn.functional.cross_entropy(logits, token, reduction="none")


def supervised_loss(
    logits: torch.Tensor, labels: torch.Tensor, *, token_loss: TokenLoss
) -> torch.Tensor:
    """Sum of the loss over supervised tokens, in float32.

    labels (B, T), unshifted; logits (B, T, V), or (N, V) of the supervised states alone. A large
    float32 copy is made in pieces, and again in the backward pass.
    """
    token = labels[:, 1:][labels[:, 1:] != IGNORED]
    if logits.ndim == 3:
        logits = logits[supervised_states(labels)]
    size = max(1, _CHUNK // logits.shape[-1])

    def part(some_logits: torch.Tensor, some_tokens: torch.Tensor) -> torch.Tensor:
        return token_loss(some_logits.float(), some_tokens).sum()

    if len(logits) <= size:
        return part(logits, token)
    parts = [
        checkpoint(part, logits[i : i + size], token[i : i + size], use_reentrant=False)
        for i in range(0, len(logits), size)
    ]
    return torch.stack(parts).sum()
