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
from sfr_train.targets.blocks import ROWS, rows_of
from sfr_train.targets.cached import Targets

Integers = npt.NDArray[np.int64]
_TOGETHER = 64  # rows taken apart at once; a packed one may have many samples


def training_rows(dataset: Any) -> Any:
    """Return a data set of the samples, columns input_ids and labels: packed rows are taken apart,
    and without labels every token is learned. Raises UserError for what is not tokenized."""
    names = set(getattr(dataset, "column_names", None) or ())
    if not hasattr(dataset, "__len__") or "input_ids" not in names:
        raise UserError("attach_future: train_dataset: give tokenized rows of a known number")
    return dataset.with_format(None).map(
        _samples, batched=True, batch_size=_TOGETHER, remove_columns=list(names), desc="samples"
    )


def _samples(rows: Mapping[str, Any]) -> dict[str, list[list[int]]]:
    """Take the rows of a batch of columns apart."""
    ids, labels = rows["input_ids"], rows.get("labels") or rows["input_ids"]
    lengths = rows.get("seq_lengths") or [[len(row)] for row in ids]
    samples: dict[str, list[list[int]]] = {"input_ids": [], "labels": []}
    for row, targets, parts in zip(ids, labels, lengths, strict=True):
        start = 0
        for length in parts:
            samples["input_ids"].append(row[start : start + length])
            samples["labels"].append(targets[start : start + length])
            start += length
    return samples


def digest(ids: Any) -> bytes:
    """Return 16 bytes that stand for a sequence of tokens."""
    row = np.ascontiguousarray(ids, dtype=np.int64)
    return hashlib.blake2b(row.tobytes(), digest_size=16).digest()


class TextIndex:
    """From tokens to the row of a data set that has them."""

    def __init__(self, rows: Any) -> None:
        self._rows: dict[bytes, int] = {}
        for start in range(0, len(rows), ROWS):
            block = rows_of(rows, start, min(start + ROWS, len(rows)))
            self._rows |= {digest(ids): start + i for i, (ids, _) in enumerate(block)}

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
        rows, columns, states = ([np.zeros(0, np.int64)] for _ in range(3))
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
