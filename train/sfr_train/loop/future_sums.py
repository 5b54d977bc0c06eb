"""What is logged of a loss on the future: sums over micro-batches and ranks, then their ratios."""

from typing import Any

import torch

from sfr_train.loop.head_run import AnchorBatch, Outcome
from sfr_train.objectives.base import FutureLoss

_TOTAL, _WEIGHT, _BLIND, _SHUFFLED, _PAIRED, _PAIRED_WEIGHT = range(6)


class FutureSums:
    """The loss, that of the blind reference and that with states of other samples."""

    def __init__(self) -> None:
        self._sums = torch.zeros(6, dtype=torch.float64)

    def add(self, future: FutureLoss, batch: AnchorBatch, outcome: Outcome) -> None:
        """Add a measured micro-batch."""
        total = float(outcome.terms.total.detach())
        weight = float(future.step_weight(batch.anchors.weight, batch.anchors.sequences))
        self._sums[_TOTAL] += total
        self._sums[_WEIGHT] += weight
        if outcome.blind is not None:
            self._sums[_BLIND] += float(outcome.blind)
        if outcome.shuffled is not None:
            self._sums[_SHUFFLED] += float(outcome.shuffled)
            self._sums[_PAIRED] += total
            self._sums[_PAIRED_WEIGHT] += weight

    def take(self, accelerator: Any) -> dict[str, float]:
        """Return loss, loss_over_blind and shuffled_gap over all ranks, which call this together,
        and start again. What has no value is left out."""
        sums = accelerator.reduce(self._sums.to(accelerator.device, torch.float32), "sum").tolist()
        self._sums.zero_()
        values = {}
        if sums[_WEIGHT] > 0:
            values["loss"] = sums[_TOTAL] / sums[_WEIGHT]
        if sums[_BLIND] > 0:
            values["loss_over_blind"] = sums[_TOTAL] / sums[_BLIND]
        if sums[_PAIRED_WEIGHT] > 0:
            values["shuffled_gap"] = (sums[_SHUFFLED] - sums[_PAIRED]) / sums[_PAIRED_WEIGHT]
        return values
