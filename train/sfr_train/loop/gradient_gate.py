"""The gradient gate: detaches h while the future loss is low.

It is off by default, because it starves the model of signal early and often. It decides from the
loss of the last step, averaged over ranks and divided by the loss of a blind head at the same flow
times, because at unit scale the plain loss varies more with tau than with anything learned.
"""

from collections.abc import Mapping
from typing import Any

import torch

from sfr_train.flow.flow import blind_loss
from sfr_train.flow.schedule import ScheduleSettings
from sfr_train.objectives.base import FutureTerms


class GradientGate:
    """Open (the future loss may move the model) or closed, for the next step."""

    def __init__(self, settings: ScheduleSettings) -> None:
        self._settings = settings
        self._sum = self._weight = 0.0
        self._average: float | None = None
        self.closed = False

    def add(self, terms: FutureTerms, weight: torch.Tensor, *, scale: float) -> None:
        """Add the losses of one micro-batch."""
        if self._settings.gate == "off":
            return
        loss = terms.loss
        if terms.tau is not None and loss.shape == terms.tau.shape:
            loss = loss / blind_loss(terms.tau, scale)
        if loss.shape == weight.shape:
            loss = loss * weight
        self._sum += float(loss.sum())
        self._weight += float(weight.sum())

    def close_step(self, accelerator: Any) -> None:
        """Decide for the next step; all ranks reach the same decision."""
        if self._settings.gate == "off":
            return
        sums = torch.tensor([self._sum, self._weight], device=accelerator.device)
        total, weight = accelerator.reduce(sums, reduction="sum").tolist()
        self._sum = self._weight = 0.0
        loss = total / max(weight, 1e-9)
        level = self._settings.gate_level
        if self._settings.gate == "static":
            self.closed = loss < level
            return
        self.closed = self._average is not None and loss < self._average / level
        old = loss if self._average is None else self._average
        self._average = 0.99 * old + 0.01 * loss

    def state(self) -> dict[str, Any]:
        """Return what a resumed run needs to continue."""
        return {"average": self._average, "closed": self.closed}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Continue from `state`."""
        self._average, self.closed = state["average"], bool(state["closed"])
