"""Batches with the anchors of their rows: the trainer's own collator, and in addition

    future_row, future_column  (N,)    position of a supervised state in the batch
    future_state               (N,)    its number, which owns its random numbers
    future_sample              (N,)    its sample in the data set
    future_weight              (N,)    its weight
    future_target              (N, D)  embedding of its future, float32

The embeddings are read here and not in the training step, so that loader processes can read them.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from sfr_train.targets.cached import Targets

COLUMN = "future_states"  # of the data set: each token's state number + 1, or 0
PREFIX = "future_"


@dataclass
class FutureCollator:
    """`inner` builds the batch; rows without the column (evaluation) pass through unchanged."""

    inner: Any
    targets: Targets
    padding_free: bool

    def __call__(self, examples: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
        """The inner batch with the anchors of all its rows."""
        batch: dict[str, Any] = self.inner(examples)
        if COLUMN not in examples[0]:
            return batch
        columns = [np.asarray(example[COLUMN], dtype=np.int64) for example in examples]
        if self.padding_free:  # one row holds all samples in sequence
            columns = [np.concatenate(columns)]
        positions = [np.flatnonzero(column) for column in columns]
        states = np.concatenate([c[at] for c, at in zip(columns, positions, strict=True)]) - 1
        rows = np.repeat(np.arange(len(positions)), [len(at) for at in positions])
        batch |= {
            "future_row": torch.from_numpy(rows),
            "future_column": torch.from_numpy(np.concatenate(positions)),
            "future_state": torch.from_numpy(states),
            "future_sample": torch.from_numpy(self.targets.samples(states)),
            "future_weight": torch.from_numpy(self.targets.weights(states)),
            "future_target": torch.from_numpy(self.targets.embeddings(states)),
        }
        return batch
