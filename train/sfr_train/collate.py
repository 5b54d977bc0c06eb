"""Batches with the anchors of their rows: the trainer's own collator, and beside its tensors

    future_row, future_column  (N,)    where in the batch a supervised state is
    future_state               (N,)    its number, which owns its random numbers
    future_sample              (N,)    its sample in the data set
    future_weight              (N,)    its weight
    future_target              (N, D)  embedding of its future, float32

The embeddings are read here and not in the training step, so that loader processes can do it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from sfr_train.segments import IGNORED
from sfr_train.targets import Targets

COLUMN = "future_states"  # of the data set: number of the state + 1 for each token, 0 without
PREFIX = "future_"


@dataclass
class FutureCollator:
    """`inner` makes the batch; rows without the column (evaluation) pass through."""

    inner: Any
    targets: Targets
    padding_free: bool

    def __call__(self, examples: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
        """The inner batch and the anchors of all its rows."""
        batch: dict[str, Any] = self.inner(examples)
        if COLUMN not in examples[0]:
            return batch
        columns = [np.asarray(example[COLUMN], dtype=np.int64) for example in examples]
        if self.padding_free:  # all samples lie behind each other in one row
            columns = [np.concatenate(columns)]
        found = [np.flatnonzero(column) for column in columns]
        states = np.concatenate([c[at] for c, at in zip(columns, found, strict=True)]) - 1
        rows = np.repeat(np.arange(len(found)), [len(at) for at in found])
        batch |= {
            "future_row": torch.from_numpy(rows),
            "future_column": torch.from_numpy(np.concatenate(found)),
            "future_state": torch.from_numpy(states),
            "future_sample": torch.from_numpy(self.targets.samples(states)),
            "future_weight": torch.from_numpy(self.targets.weights(states)),
            "future_target": torch.from_numpy(self.targets.embeddings(states)),
        }
        return batch


def next_tokens(
    labels: torch.Tensor, starts: torch.Tensor, ahead: int
) -> tuple[torch.Tensor, torch.Tensor]:
    """y_{t+1..t+K} for every position and whether each counts.

    labels (B, T); starts (B, T): True at the first token of a sample, where a row may hold
    several. Returns tokens (B, T, K) and valid (B, T, K); a token past its sample's end, past the
    row, or outside the loss is not valid.
    """
    sample = starts.long().cumsum(dim=1)
    tokens, valid = [], []
    for i in range(1, ahead + 1):
        moved = torch.nn.functional.pad(labels[:, i:], (0, min(i, labels.shape[1])), value=IGNORED)
        home = torch.nn.functional.pad(sample[:, i:], (0, min(i, labels.shape[1])), value=-1)
        tokens.append(moved)
        valid.append((moved != IGNORED) & (home == sample))
    return torch.stack(tokens, dim=-1), torch.stack(valid, dim=-1)
