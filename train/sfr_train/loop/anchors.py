"""The anchors of a micro-batch, from what the collator left or from the labels themselves."""

from collections.abc import Mapping
from typing import Any

import torch

from sfr_train.flow.noise import HashNoise
from sfr_train.loop.batch import at_least_one, next_tokens, sample_starts
from sfr_train.loop.head_run import Pending
from sfr_train.objectives.base import Anchors, FutureLoss
from sfr_train.targets.collate import PREFIX


def micro_batch_weight(future: FutureLoss, batch: Mapping[str, Any]) -> torch.Tensor:
    """What a micro-batch adds to the step's divisor; a scalar."""
    if PREFIX + "weight" in batch:
        return future.step_weight(batch[PREFIX + "weight"], batch[PREFIX + "sample"])
    _, valid = next_tokens(batch["labels"], sample_starts(batch), future.tokens)
    return future.step_weight(valid, valid)


def take_columns(inputs: dict[str, Any]) -> dict[str, Any]:
    """Remove the collator's columns, which the model does not know, and return them."""
    return {name: inputs.pop(name) for name in list(inputs) if name.startswith(PREFIX)}


def pending(
    future: FutureLoss,
    inputs: Mapping[str, Any],
    columns: Mapping[str, Any],
    *,
    seed: int,
    step: int,
    joint: bool,
    measure: bool,
) -> Pending:
    """The anchors; one of weight 0 where a micro-batch has none."""
    labels = inputs["labels"]
    hidden = labels.new_zeros(0)
    if future.needs == "tokens":
        tokens, valid = next_tokens(labels, sample_starts(inputs), future.tokens)
        row, column = valid.any(dim=-1).nonzero(as_tuple=True)
        row, column = at_least_one(row), at_least_one(column)
        state = row * labels.shape[1] + column
        anchors = Anchors(hidden, valid[row, column].float(), row, tokens=tokens[row, column])
        groups = row
    else:
        row, column, state, groups, weight, target = (
            at_least_one(columns[PREFIX + name])
            for name in ("row", "column", "state", "sample", "weight", "target")
        )
        anchors = Anchors(hidden, weight, groups, target=target)
    shared = groups if future.tau_per == "sequence" else state
    noise = HashNoise(seed, step, state, shared)
    return Pending(row, column, anchors, noise, joint=joint, measure=measure)
