"""Blocks of consecutive rows: their supervised states, and the texts of the futures.

A block is read twice, once for the keys of its texts, and again for those texts that have to be
encoded. So no text is kept, however many there are.
"""

from collections.abc import Iterator
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from sfr_train.targets.segments import IGNORED, Integers, TargetSettings, segments
from sfr_train.targets.text_store import KEY, Keys, text_key

ROWS = 256  # in a block: at 4,000 tokens some seconds of one process


@dataclass(frozen=True)
class Block:
    """States of consecutive rows of a data set.

    lengths (R,): states of each row. positions, weights (S,): of the states, see `Segments`.
    texts (S,): number of the text in the block. keys (T,): of the distinct texts, in the order of
    their first appearance. pieces (T, 3): row in the block, start and stop among its reply tokens.
    """

    lengths: npt.NDArray[np.int32]
    positions: npt.NDArray[np.int32]
    weights: npt.NDArray[np.float32]
    texts: npt.NDArray[np.int32]
    keys: Keys
    pieces: npt.NDArray[np.int32]

    def write(self, file: Path) -> None:
        """Write all arrays to a file."""
        with file.open("wb") as stream:
            np.savez(stream, **{field.name: getattr(self, field.name) for field in fields(self)})

    @classmethod
    def read(cls, file: Path) -> Self:
        """Read what `write` has written."""
        with np.load(file) as arrays:
            return cls(**{field.name: arrays[field.name] for field in fields(cls)})


def read_keys(file: Path) -> Keys:
    """Read only the keys of a block."""
    with np.load(file) as arrays:
        keys: Keys = arrays["keys"]
    return keys


def read_pieces(file: Path) -> npt.NDArray[np.int32]:
    """Read only the pieces of a block."""
    with np.load(file) as arrays:
        pieces: npt.NDArray[np.int32] = arrays["pieces"]
    return pieces


def rows_of(dataset: Any, start: int, stop: int) -> Iterator[tuple[Integers, Integers]]:
    """Yield tokens and labels of rows, read without Python lists."""
    table = dataset.select_columns(["input_ids", "labels"]).with_format("arrow")[start:stop]
    ids, ends = _ragged(table["input_ids"])
    labels, label_ends = _ragged(table["labels"])
    yield from zip(np.split(ids, ends[:-1]), np.split(labels, label_ends[:-1]), strict=True)


def _ragged(column: Any) -> tuple[Integers, Integers]:
    """Return the values of an Arrow column of lists, and where each list ends."""
    import pyarrow.compute as pc

    lengths = pc.list_value_length(column).to_numpy()
    values = pc.list_flatten(column).to_numpy()
    return values.astype(np.int64, copy=False), np.cumsum(lengths, dtype=np.int64)


def scan(dataset: Any, number: int, *, tokenizer: Any, settings: TargetSettings) -> Block:
    """Find the states of block `number` and the keys of their texts."""
    number_of: dict[bytes, int] = {}
    pieces: list[tuple[int, int, int]] = []
    lengths, positions, weights, texts = [], [], [], []
    rows = rows_of(dataset, number * ROWS, min((number + 1) * ROWS, len(dataset)))
    for row, (ids, labels) in enumerate(rows):
        states = segments(labels, settings)
        reply = ids[labels != IGNORED]
        ranges = list(zip(states.starts.tolist(), states.stops.tolist(), strict=True))
        futures = decode(tokenizer, [reply[a:b].tolist() for a, b in ranges])
        text_of_anchor = np.full(len(futures), -1, dtype=np.int32)
        for anchor, (text, (start, stop)) in enumerate(zip(futures, ranges, strict=True)):
            if not text.strip():
                continue
            key = text_key(text)
            if key not in number_of:
                number_of[key] = len(pieces)
                pieces.append((row, start, stop))
            text_of_anchor[anchor] = number_of[key]
        text_of_state = text_of_anchor[states.anchors]
        is_supervised = text_of_state >= 0
        lengths.append(int(is_supervised.sum()))
        positions.append(states.positions[is_supervised])
        weights.append(states.weights[is_supervised])
        texts.append(text_of_state[is_supervised])
    return Block(
        np.array(lengths, dtype=np.int32),
        np.concatenate(positions).astype(np.int32),
        np.concatenate(weights).astype(np.float32),
        np.concatenate(texts).astype(np.int32),
        np.frombuffer(b"".join(number_of), dtype=KEY),
        np.array(pieces, dtype=np.int32).reshape(-1, 3),
    )


def texts_of(
    dataset: Any, number: int, pieces: npt.NDArray[np.int32], *, tokenizer: Any
) -> list[str]:
    """Return the texts of some pieces (n, 3) of block `number`, which are ordered by row."""
    first, last = int(pieces[0, 0]), int(pieces[-1, 0])
    start = number * ROWS
    replies = [
        ids[labels != IGNORED] for ids, labels in rows_of(dataset, start + first, start + last + 1)
    ]
    texts: list[str] = []
    for row in np.unique(pieces[:, 0]):
        ranges = pieces[pieces[:, 0] == row, 1:].tolist()
        texts += decode(tokenizer, [replies[row - first][a:b].tolist() for a, b in ranges])
    return texts


def decode(tokenizer: Any, pieces: list[list[int]]) -> list[str]:
    """Return the texts of token lists, without special tokens."""
    texts: list[str] = tokenizer.batch_decode(pieces, skip_special_tokens=True) if pieces else []
    return texts
