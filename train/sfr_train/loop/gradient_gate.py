"""The gradient gate: detaches h while the future loss is low.

It is off by default, because it starves the model of signal early and often. It decides from the
loss of the last step over all ranks, for a flow divided by what a head that ignores h would lose at
the same times, because at unit scale the plain loss varies more with tau than with anything
learned.
"""

from collections.abc import Mapping
from typing import Any

import torch

from sfr_train.flow.schedule import ScheduleSettings
from sfr_train.objectives.base import Anchors, FutureLoss, FutureTerms


class GradientGate:
    """Open (the future loss may move the model) or closed, for the next step."""

    def __init__(self, settings: ScheduleSettings) -> None:
        self._settings = settings
        self._sum = self._weight = 0.0
        self._average: float | None = None
        self.closed = False

    def add(self, terms: FutureTerms, anchors: Anchors, future: FutureLoss) -> None:
        """Add the losses of one micro-batch."""
        if self._settings.gate == "off":
            return
        total = terms.total.detach()
        expected = None if terms.tau is None else future.expected_blind_loss(terms.tau)
        if expected is not None:
            total = (terms.loss / expected.clamp(min=1e-12) * anchors.weight).sum()
        self._sum += float(total)
        self._weight += float(future.step_weight(anchors.weight, anchors.sequences))

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
