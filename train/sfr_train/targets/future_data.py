"""The training set with a column of state numbers, and the targets that they refer to."""

import copy
from collections.abc import Callable
from pathlib import Path
from typing import Any

from trl.data_utils import pack_dataset

from sfr_eval.errors import UserError
from sfr_train.targets.cached import Targets, load_or_build
from sfr_train.targets.collate import COLUMN
from sfr_train.targets.segments import TargetSettings
from sfr_train.targets.text_encoder import TextEncoder

Prepare = Callable[[Any, Any, bool], Any]
"""(dataset, SFTConfig, packing) -> a tokenized dataset: TRL's own preparation."""


def with_future_states(
    dataset: Any,
    prepare: Prepare,
    *,
    arguments: Any,
    packing: bool,
    tokenizer: Any,
    settings: TargetSettings,
    cache: Path,
    encoder: TextEncoder | None,
) -> tuple[Any, Targets]:
    """TRL's tokens and labels with the state number of each token.

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
    targets = load_or_build(
        prepared, tokenizer=tokenizer, settings=settings, cache=cache, encoder=encoder
    )
    prepared = prepared.select_columns(["input_ids", "labels"])
    prepared = prepared.add_column(
        COLUMN,
        [
            targets.column(row, len(labels)).tolist()
            for row, labels in enumerate(prepared["labels"])
        ],
    )
    if packing:
        if arguments.shuffle_dataset:
            prepared = prepared.shuffle(seed=arguments.seed)
        prepared = pack_dataset(
            prepared,
            arguments.max_length,
            arguments.packing_strategy,
            {"num_proc": arguments.dataset_num_proc},
        )
    if arguments.shuffle_dataset:
        prepared = prepared.shuffle(seed=arguments.seed)
    return prepared, targets
