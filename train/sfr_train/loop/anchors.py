"""The anchors of a micro-batch, from the collator's columns or from the labels themselves."""

from collections.abc import Mapping
from typing import Any

import torch

from sfr_train.flow.noise import HashNoise
from sfr_train.loop.batch import next_tokens, or_one_zero, sample_starts
from sfr_train.loop.head_run import AnchorBatch
from sfr_train.objectives.base import Anchors, FutureLoss
from sfr_train.targets.future_data import PREFIX


def micro_batch_weight(future: FutureLoss, batch: Mapping[str, Any]) -> torch.Tensor:
    """What a micro-batch adds to the divisor of the step: a scalar."""
    if PREFIX + "weight" in batch:
        return future.step_weight(batch[PREFIX + "weight"], batch[PREFIX + "sample"])
    _, valid = next_tokens(batch["labels"], sample_starts(batch), future.tokens)
    return future.step_weight(valid, valid)


def take_columns(inputs: dict[str, Any]) -> dict[str, Any]:
    """Remove the columns of the collator, which the model does not accept, and return them."""
    return {name: inputs.pop(name) for name in list(inputs) if name.startswith(PREFIX)}


def anchor_batch(
    future: FutureLoss,
    inputs: Mapping[str, Any],
    columns: Mapping[str, Any],
    *,
    seed: int,
    step: int,
    joint: bool,
    measure: bool,
) -> AnchorBatch:
    """The anchors of a micro-batch; one anchor of weight 0 if it has none."""
    labels = inputs["labels"]
    hidden = labels.new_zeros(0)
    if future.tokens:
        tokens, valid = next_tokens(labels, sample_starts(inputs), future.tokens)
        row, column = valid.any(dim=-1).nonzero(as_tuple=True)
        row, column = or_one_zero(row), or_one_zero(column)
        state = row * labels.shape[1] + column
        anchors = Anchors(hidden, valid[row, column].float(), row, tokens=tokens[row, column])
        groups = row
    else:
        row, column, state, groups, weight, target = (
            or_one_zero(columns[PREFIX + name])
            for name in ("row", "column", "state", "sample", "weight", "target")
        )
        anchors = Anchors(hidden, weight, groups, target=target)
    tau_groups = groups if future.tau_per == "sequence" else state
    noise = HashNoise(seed, step, state, tau_groups)
    return AnchorBatch(row, column, anchors, noise, joint=joint, measure=measure)
