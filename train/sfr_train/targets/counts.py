"""How many states and texts a data set has."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from sfr_train.targets.blocks import ROWS, scan
from sfr_train.targets.segments import TargetSettings
from sfr_train.targets.text_store import first_places


@dataclass(frozen=True)
class Counts:
    """Rows, supervised states, rows without a state, and distinct texts."""

    rows: int
    states: int
    without: int
    texts: int

    def stored_bytes(self, size: int, *, stored_as: str) -> int:
        """Return the bytes that targets of `size` coordinates take on the disk: 16 and a row for
        each text, 16 for each state, 8 for each row."""
        embeddings = self.texts * (16 + size * np.dtype(stored_as).itemsize)
        return embeddings + 16 * self.states + 8 * self.rows


def count_targets(dataset: Any, *, tokenizer: Any, settings: TargetSettings) -> Counts:
    """Count the states and distinct texts of a tokenized data set (columns input_ids and labels)
    without encoding. Streams: of each text it keeps 16 bytes."""
    keys, states, without = [], 0, 0
    for number in range(-(-len(dataset) // ROWS)):
        block = scan(dataset, number, tokenizer=tokenizer, settings=settings)
        keys.append(block.keys)
        states += int(block.lengths.sum())
        without += int(np.count_nonzero(block.lengths == 0))
    together = np.concatenate(keys) if keys else np.zeros(0, dtype="S16")
    texts = len(first_places(together, np.arange(len(together))))
    return Counts(len(dataset), states, without, texts)
