"""The training set with a column of state numbers, the targets that they refer to, and batches with
the anchors of their rows.

A batch is the trainer's own and, for training data, in addition

    future_row, future_column  (N,)    position of a supervised state in the batch
    future_state               (N,)    its number, which owns its random numbers
    future_sample              (N,)    its sample in the data set
    future_weight              (N,)    its weight
    future_target              (N, D)  embedding of its future, float32

With `targets.shuffled` the future is that of a state of another sample; a loss on tokens then gets

    future_weight, future_tokens  (N, K)  tokens of that future, and which of them count

The embeddings are read here and not in the training step, so that loader processes can read them.
"""

import copy
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np
import torch
from datasets import Features, List, Value

from sfr_eval.errors import UserError
from sfr_train.data.pieces import key_of, mapped
from sfr_train.data.preparation import packed, shuffled
from sfr_train.targets.cached import Targets
from sfr_train.targets.segments import IGNORED, Integers
from sfr_train.targets.shuffled import TokenWindows

COLUMN = "future_states"  # of the data set: each token's state number + 1, or 0
PREFIX = "future_"
_COLUMNS = Features(
    {
        "input_ids": List(Value("int32")),
        "labels": List(Value("int32")),
        COLUMN: List(Value("int64")),
    }
)
Prepare = Callable[[Any, Any, bool], Any]
"""(dataset, SFTConfig, packing) -> a tokenized dataset: TRL's own preparation."""
Futures = TypeVar("Futures", Targets, TokenWindows)


def with_future_states(
    dataset: Any,
    prepare: Prepare,
    encode: Callable[[Any], Futures],
    *,
    arguments: Any,
    packing: bool,
) -> tuple[Any, Futures]:
    """Return TRL's tokens and labels with the state number of each token, and the targets.

    The column goes through packing with the tokens, so that no target can cross the border of a
    sample. Raises UserError for a stream, or if there is no row to train on.
    """
    if not hasattr(dataset, "__len__"):
        raise UserError(
            "data: targets are encoded before training, but a stream has no end; save it first"
        )
    plain = copy.copy(arguments)
    plain.shuffle_dataset = False
    if packing:
        plain.max_length = None  # packing truncates
    prepared = prepare(dataset, plain, False)
    if len(prepared) == 0:
        raise UserError("data: no row has a token to train on (no assistant turn?)")
    targets = encode(prepared)
    key = key_of(prepared._fingerprint, targets.numbering)
    prepared = mapped(
        prepared.select_columns(["input_ids", "labels"]),
        _with_numbers,
        key=key,
        what="number states of rows",
        features=_COLUMNS,
        arguments={"targets": targets},
        processes=1,  # the memory maps of the targets cannot be handed to others
    )
    if packing:
        return packed(prepared, arguments, what="train"), targets
    return shuffled(prepared, arguments), targets


def _with_numbers(
    rows: Mapping[str, Any], numbers: list[int], *, targets: Targets
) -> Mapping[str, Any]:
    lengths = map(len, rows["labels"])
    columns = [targets.column(n, size) for n, size in zip(numbers, lengths, strict=True)]
    return {**rows, COLUMN: columns}


@dataclass
class FutureCollator:
    """`inner` builds the batch; rows without the column (evaluation) pass through unchanged.

    partner (S,): the state whose future each state gets; None: its own.
    """

    inner: Any
    targets: Targets | TokenWindows
    padding_free: bool
    partner: Integers | None = None

    def __call__(self, examples: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
        """Return the inner batch with the anchors of all its rows."""
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
        }
        source = states if self.partner is None else self.partner[states]
        if isinstance(self.targets, TokenWindows):
            tokens = self.targets.tokens(source)
            batch["future_tokens"] = torch.from_numpy(tokens)
            batch["future_weight"] = torch.from_numpy((tokens != IGNORED).astype(np.float32))
        else:
            batch["future_target"] = torch.from_numpy(self.targets.embeddings(source))
            batch["future_weight"] = torch.from_numpy(self.targets.weights(states))
        return batch
