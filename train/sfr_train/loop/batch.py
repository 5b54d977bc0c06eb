"""Reads a batch: its samples, the tokens that follow each state, and the anchors of a future loss.

A row may hold several samples in sequence (packing without padding); `position_ids` then restart at
each of them.
"""

from collections.abc import Mapping
from typing import Any

import torch

from sfr_train.flow.noise import HashNoise, hash_words
from sfr_train.loop.head_run import AnchorBatch
from sfr_train.objectives.base import Anchors, FutureLoss
from sfr_train.targets.future_data import PREFIX
from sfr_train.targets.segments import IGNORED


def sample_starts(inputs: Mapping[str, Any]) -> torch.Tensor:
    """Mark where samples begin, (B, T): at position 0, or at the start of a row if it has none."""
    if "position_ids" in inputs:
        return inputs["position_ids"] == 0
    starts = torch.zeros_like(inputs["labels"], dtype=torch.bool)
    starts[:, 0] = True
    return starts


def sample_lengths(inputs: Mapping[str, Any]) -> torch.Tensor:
    """Return the length of each token's sample without padding, (B, T)."""
    if "attention_mask" in inputs:
        mask = inputs["attention_mask"]
        return mask.sum(dim=1, keepdim=True).expand_as(mask)
    sample = sample_starts(inputs).long().cumsum(dim=1)
    counts = [torch.bincount(row, minlength=int(row.max()) + 1)[row] for row in sample]
    return torch.stack(counts)


def text_hashes(inputs: Mapping[str, Any]) -> torch.Tensor:
    """Hash the tokens of a sample up to each position, (B, T) int64: a name for the state there
    that does not depend on its micro-batch or rank. Padding on the left does not count."""
    ids, starts = inputs["input_ids"], sample_starts(inputs)
    if "attention_mask" in inputs and "position_ids" not in inputs:
        starts = inputs["attention_mask"].cumsum(dim=1) == 1
    place = torch.arange(ids.shape[1], device=ids.device).expand_as(ids)
    first = torch.where(starts, place, 0).cummax(dim=1).values
    # int64 sums wrap around, as those of a hash may.
    sums = hash_words(ids, 0).mul(2 * (place - first) + 1).cumsum(dim=1)
    before = torch.nn.functional.pad(sums, (1, 0))[:, :-1].gather(1, first)
    return sums - before


def supervised_states(labels: torch.Tensor) -> torch.Tensor:
    """Mark the states that predict a token in the loss, (B, T) bool; labels are unshifted."""
    return torch.nn.functional.pad(labels[:, 1:] != IGNORED, (0, 1))


def next_tokens(
    labels: torch.Tensor, starts: torch.Tensor, ahead: int
) -> tuple[torch.Tensor, torch.Tensor]:
    """Return y_{t+1..t+K} for every position, and whether each counts, both (B, T, K).

    labels (B, T); starts (B, T): True at the first token of a sample. Tokens past the end of the
    sample or row, or outside the loss, do not count.
    """
    sample = starts.long().cumsum(dim=1)
    tokens, valid = [], []
    for i in range(1, ahead + 1):
        room = (0, min(i, labels.shape[1]))
        shifted = torch.nn.functional.pad(labels[:, i:], room, value=IGNORED)
        owner = torch.nn.functional.pad(sample[:, i:], room, value=-1)
        tokens.append(shifted)
        valid.append((shifted != IGNORED) & (owner == sample))
    return torch.stack(tokens, dim=-1), torch.stack(valid, dim=-1)


def or_one_zero(rows: torch.Tensor) -> torch.Tensor:
    """Return the rows, or one row of zeros if there are none, so that every rank runs the head."""
    return rows if len(rows) else rows.new_zeros(1, *rows.shape[1:])


def micro_batch_weight(future: FutureLoss, batch: Mapping[str, Any]) -> torch.Tensor:
    """Return what a micro-batch adds to the divisor of the step: a scalar."""
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
    gradients: bool = False,
) -> AnchorBatch:
    """Return the anchors of a micro-batch; one anchor of weight 0 if it has none."""
    labels = inputs["labels"]
    hidden = labels.new_zeros(0)
    if future.tokens and PREFIX + "tokens" not in columns:
        tokens, valid = next_tokens(labels, sample_starts(inputs), future.tokens)
        row, column = valid.any(dim=-1).nonzero(as_tuple=True)
        row, column = or_one_zero(row), or_one_zero(column)
        state = text_hashes(inputs)[row, column]
        anchors = Anchors(hidden, valid[row, column].float(), row, tokens=tokens[row, column])
        groups = row
    else:
        future_of = "tokens" if future.tokens else "target"
        row, column, state, groups, weight, values = (
            or_one_zero(columns[PREFIX + name])
            for name in ("row", "column", "state", "sample", "weight", future_of)
        )
        anchors = Anchors(hidden, weight, groups, **{future_of: values})
    tau_groups = groups if future.tau_per == "sequence" else state
    noise = HashNoise(seed, step, state, tau_groups)
    return AnchorBatch(
        row, column, anchors, noise, joint=joint, measure=measure, gradients=gradients
    )
