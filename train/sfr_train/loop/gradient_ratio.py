"""lambda from a ratio of gradients: what makes losses of other scales comparable.

    lambda_t = ratio * sqrt(mean |dCE/dh|^2 / mean |dL/dh|^2)

h are the last hidden states of an optimizer step over its micro-batches and ranks; the means are
exponential ones over past steps (decay 0.9). A gradient of the loss that has just grown counts at
once, and lambda grows at most tenfold a step: a head that starts at zero, or a model that is still
its base, first passes on no gradient, and then little. It starts at a thousandth of `weight`.
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import torch

from sfr_train.flow.schedule import Phase, ScheduleSettings
from sfr_train.loop.head_run import Outcome

_DECAY = 0.9
_START = 1e-3  # of `weight`
_GROWTH = 10.0


class GradientRatio:
    """The running estimate of lambda; it does nothing without `schedule.gradient_ratio`."""

    def __init__(self, settings: ScheduleSettings) -> None:
        self._settings = settings
        self._outcomes: list[tuple[Outcome, float]] = []
        self._model = self._future = self._count = 0.0  # means of squares before bias correction
        self._lambda = _START * settings.weight  # of the next step, before ramp and decay

    @property
    def on(self) -> bool:
        """Whether lambda follows the ratio."""
        return self._settings.gradient_ratio is not None

    def adjust(self, phase: Phase) -> Phase:
        """Replace lambda in joint steps; ramp and decay stay."""
        if not self.on or not phase.joint:
            return phase
        return replace(phase, weight=self._lambda * phase.weight / self._settings.weight)

    def add(self, outcome: Outcome, *, weight: float) -> None:
        """Note a micro-batch, whose gradients come with the backward pass; weight: its lambda."""
        if self.on:
            self._outcomes.append((outcome, weight))

    def close_step(self, accelerator: Any, *, joint: bool) -> None:
        """Update the means after a step, equally on all ranks."""
        outcomes, self._outcomes = self._outcomes, []
        ratio = self._settings.gradient_ratio
        if ratio is None or not joint:
            return
        zero = torch.zeros((), device=accelerator.device)
        model, future = zero, zero
        for outcome, weight in outcomes:
            if outcome.grad_model is not None:
                model = model + outcome.grad_model.square()
            if outcome.grad_future is not None and weight > 0:
                future = future + (outcome.grad_future / weight).square()
        sums = accelerator.reduce(torch.stack([model, future]), reduction="sum")
        model_square, future_square = sums.tolist()
        if not (model_square > 0 and future_square > 0):  # nothing reached h, as at lambda 0
            return
        self._model = _DECAY * self._model + (1 - _DECAY) * model_square
        self._future = _DECAY * self._future + (1 - _DECAY) * future_square
        self._count = _DECAY * self._count + (1 - _DECAY)
        future_mean = max(self._future / self._count, future_square)
        aim = ratio * (self._model / self._count / future_mean) ** 0.5
        self._lambda = min(aim, _GROWTH * self._lambda)

    def state(self) -> dict[str, float]:
        """Return what a resumed run needs to continue."""
        return {
            "model": self._model,
            "future": self._future,
            "count": self._count,
            "lambda": self._lambda,
        }

    def restore(self, state: Mapping[str, float]) -> None:
        """Continue from `state`."""
        self._model, self._future = state["model"], state["future"]
        self._count, self._lambda = state["count"], state["lambda"]
