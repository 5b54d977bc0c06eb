"""Reads a batch: where samples begin, how long they are, and which tokens follow each state.

A row may hold several samples in sequence (packing without padding); `position_ids` then restart at
each of them.
"""

from collections.abc import Mapping
from typing import Any

import torch

from sfr_train.targets.segments import IGNORED


def sample_starts(inputs: Mapping[str, Any]) -> torch.Tensor:
    """Where samples begin, (B, T): at position 0, or at the start of a row without positions."""
    if "position_ids" in inputs:
        return inputs["position_ids"] == 0
    starts = torch.zeros_like(inputs["labels"], dtype=torch.bool)
    starts[:, 0] = True
    return starts


def sample_lengths(inputs: Mapping[str, Any]) -> torch.Tensor:
    """The length of each token's sample without padding, (B, T)."""
    if "attention_mask" in inputs:
        mask = inputs["attention_mask"]
        return mask.sum(dim=1, keepdim=True).expand_as(mask)
    sample = sample_starts(inputs).long().cumsum(dim=1)
    counts = [torch.bincount(row, minlength=int(row.max()) + 1)[row] for row in sample]
    return torch.stack(counts)


def supervised_states(labels: torch.Tensor) -> torch.Tensor:
    """The states that predict a token in the loss, (B, T) bool; labels are unshifted."""
    return torch.nn.functional.pad(labels[:, 1:] != IGNORED, (0, 1))


def next_tokens(
    labels: torch.Tensor, starts: torch.Tensor, ahead: int
) -> tuple[torch.Tensor, torch.Tensor]:
    """y_{t+1..t+K} for every position, and whether each counts.

    labels (B, T); starts (B, T): True at the first token of a sample. Returns tokens (B, T, K) and
    valid (B, T, K). Tokens past the end of the sample or row, or outside the loss, are not valid.
    """
    sample = starts.long().cumsum(dim=1)
    tokens, valid = [], []
    for i in range(1, ahead + 1):
        room = (0, min(i, labels.shape[1]))
        shifted = torch.nn.functional.pad(labels[:, i:], room, value=IGNORED)
        owner = torch.nn.functional.pad(sample[:, i:], room, value=-1)
        tokens.append(shifted)
        valid.append((shifted != IGNORED) & (owner == sample))
    return torch.stack(tokens, dim=-1), torch.stack(valid, dim=-1)


def or_one_zero(rows: torch.Tensor) -> torch.Tensor:
    """The rows, or one row of zeros if there are none, so that every rank runs the head."""
    return rows if len(rows) else rows.new_zeros(1, *rows.shape[1:])
