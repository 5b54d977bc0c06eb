"""Anchors of a batch by its texts alone, for a trainer whose data path is not ours.

A sample is looked up by a hash of its tokens. So the data set keeps its columns, and any collator
that pads, packs or concatenates samples will do; samples that were cut after their targets were
made, or are not in the training set, have no anchor.
"""

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from sfr_eval.errors import UserError
from sfr_train.targets.cached import Targets

Integers = npt.NDArray[np.int64]


def training_rows(dataset: Any) -> Any:
    """Return a data set of the samples, columns input_ids and labels: packed rows are taken apart,
    and without labels every token is learned. Raises UserError for what is not tokenized."""
    import datasets

    names = set(getattr(dataset, "column_names", None) or ())
    if not hasattr(dataset, "__len__") or "input_ids" not in names:
        raise UserError("attach_future: train_dataset: give tokenized rows of a known number")

    def samples() -> Iterator[dict[str, list[int]]]:
        for row in dataset:
            ids, labels = list(row["input_ids"]), list(row.get("labels") or row["input_ids"])
            start = 0
            for length in row.get("seq_lengths") or [len(ids)]:
                end = start + int(length)
                yield {"input_ids": ids[start:end], "labels": labels[start:end]}
                start = end

    return datasets.Dataset.from_list(list(samples()))


def digest(ids: Any) -> bytes:
    """Return 16 bytes that stand for a sequence of tokens."""
    row = np.ascontiguousarray(ids, dtype=np.int64)
    return hashlib.blake2b(row.tobytes(), digest_size=16).digest()


class TextIndex:
    """From tokens to the row of a data set that has them."""

    def __init__(self, rows: Any) -> None:
        self._rows = {digest(row["input_ids"]): i for i, row in enumerate(rows)}

    def find(self, ids: Any) -> int | None:
        """Return the row; None if no row has these tokens."""
        return self._rows.get(digest(ids))


def samples_of(batch: Mapping[str, Any]) -> Iterator[tuple[int, int, int]]:
    """Yield (row, start, end) of each sample in a batch, without padding."""
    ids = batch["input_ids"]
    mask, positions = batch.get("attention_mask"), batch.get("position_ids")
    for row in range(len(ids)):
        if mask is not None and mask.ndim == 2:
            kept = mask[row].nonzero().flatten()
            if not len(kept):
                continue
            first, last = int(kept[0]), int(kept[-1]) + 1
        else:
            first, last = 0, ids.shape[1]
        starts = [first]
        if positions is not None:
            at = (positions[row, first:last] == 0).nonzero().flatten() + first
            starts = at.tolist() or [first]
        yield from ((row, a, b) for a, b in zip(starts, [*starts[1:], last], strict=True))


@dataclass
class TextCollator:
    """`inner` builds the batch, to which the columns of `FutureCollator` are added."""

    inner: Any
    targets: Targets
    index: TextIndex

    def __call__(self, examples: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
        """Return the inner batch with the anchors of its known samples."""
        import torch

        batch = dict(self.inner(examples))
        rows, columns, states = [np.zeros(0, np.int64)], [np.zeros(0, np.int64)], []
        states = [np.zeros(0, np.int64)]
        for row, start, end in samples_of(batch):
            sample = self.index.find(batch["input_ids"][row, start:end])
            if sample is None:
                continue
            column = self.targets.column(sample, end - start)
            places = np.flatnonzero(column)
            rows.append(np.full(len(places), row))
            columns.append(places + start)
            states.append(column[places] - 1)
        numbers: Integers = np.concatenate(states)
        return batch | {
            "future_row": torch.from_numpy(np.concatenate(rows)),
            "future_column": torch.from_numpy(np.concatenate(columns)),
            "future_state": torch.from_numpy(numbers),
            "future_sample": torch.from_numpy(self.targets.samples(numbers)),
            "future_weight": torch.from_numpy(self.targets.weights(numbers)),
            "future_target": torch.from_numpy(self.targets.embeddings(numbers)),
        }
