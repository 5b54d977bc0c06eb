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

from sfr_train.targets.cached import Targets

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
