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

Rows held out have states and targets of their own, at the scale of the training data's, if they
have any anchor; their futures are never shuffled.

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
from sfr_train.targets.segments import IGNORED, Integers, segments
from sfr_train.targets.shuffled import TokenWindows

COLUMN = "future_states"  # of the data set: each token's state number + 1, or 0; held out, minus it
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
    return _numbered(prepared, targets, arguments=arguments, packing=packing), targets


def with_held_out_states(
    dataset: Any,
    prepare: Prepare,
    encode: Callable[[Any], Targets],
    *,
    training: Targets,
    arguments: Any,
    packing: bool,
) -> tuple[Any, Targets | None]:
    """Return the rows of an evaluation in the same way; as TRL prepares them, without targets, if
    they are a stream or none of them has an anchor."""
    if not hasattr(dataset, "__len__"):
        return prepare(dataset, arguments, packing), None
    plain = copy.copy(arguments)
    plain.shuffle_dataset = False
    if packing:
        plain.max_length = None
    prepared = prepare(dataset, plain, False)
    settings = training.settings
    labels = (prepared[i]["labels"] for i in range(len(prepared)))
    if not any(len(segments(row, settings).positions) for row in labels):
        return prepare(dataset, arguments, packing), None
    targets = encode(prepared).scaled_as(training)
    rows = _numbered(prepared, targets, arguments=arguments, packing=packing, held_out=True)
    return rows, targets


def _numbered(
    prepared: Any,
    targets: Targets | TokenWindows,
    *,
    arguments: Any,
    packing: bool,
    held_out: bool = False,
) -> Any:
    """Add the column; pack and shuffle as TRL does."""
    what = "eval" if held_out else "train"
    key = key_of(prepared._fingerprint, targets.numbering, what)
    prepared = mapped(
        prepared.select_columns(["input_ids", "labels"]),
        _with_numbers,
        key=key,
        what=f"number states of {what} rows",
        features=_COLUMNS,
        arguments={"targets": targets, "sign": -1 if held_out else 1},
        processes=arguments.dataset_num_proc if isinstance(targets, Targets) else 1,
    )
    if packing:
        return packed(prepared, arguments, what=what)
    return shuffled(prepared, arguments)


def _with_numbers(
    rows: Mapping[str, Any], numbers: list[int], *, targets: Targets | TokenWindows, sign: int
) -> Mapping[str, Any]:
    lengths = map(len, rows["labels"])
    columns = [sign * targets.column(n, size) for n, size in zip(numbers, lengths, strict=True)]
    return {**rows, COLUMN: columns}


@dataclass
class FutureCollator:
    """`inner` builds the batch; rows without the column pass through unchanged.

    partner (S,): the state whose future each state gets; None: its own. held_out: the targets of
    evaluation rows, whose states have negative numbers.
    """

    inner: Any
    targets: Targets | TokenWindows
    padding_free: bool
    partner: Integers | None = None
    held_out: Targets | None = None

    def __call__(self, examples: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
        """Return the inner batch with the anchors of all its rows."""
        batch: dict[str, Any] = self.inner(examples)
        if COLUMN not in examples[0]:
            return batch
        columns = [np.asarray(example[COLUMN], dtype=np.int64) for example in examples]
        if self.padding_free:  # one row holds all samples in sequence
            columns = [np.concatenate(columns)]
        positions = [np.flatnonzero(column) for column in columns]
        numbers = np.concatenate([c[at] for c, at in zip(columns, positions, strict=True)])
        rows = np.repeat(np.arange(len(positions)), [len(at) for at in positions])
        targets, states, source = self.targets, numbers - 1, numbers - 1
        if self.held_out is not None and len(numbers) and numbers[0] < 0:
            targets, states, source = self.held_out, numbers, -numbers - 1
        elif self.partner is not None:
            source = self.partner[states]
        own = np.abs(numbers) - 1
        batch |= {
            "future_row": torch.from_numpy(rows),
            "future_column": torch.from_numpy(np.concatenate(positions)),
            "future_state": torch.from_numpy(states),
            "future_sample": torch.from_numpy(targets.samples(own)),
        }
        if isinstance(targets, TokenWindows):
            tokens = targets.tokens(source)
            batch["future_tokens"] = torch.from_numpy(tokens)
            batch["future_weight"] = torch.from_numpy((tokens != IGNORED).astype(np.float32))
        else:
            batch["future_target"] = torch.from_numpy(targets.embeddings(source))
            batch["future_weight"] = torch.from_numpy(targets.weights(own))
        return batch
