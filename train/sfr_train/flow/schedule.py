"""When the future loss acts, on what, and how strongly.

    steps          state of h   loss
    [0, A)         detached     lambda L_future, and cross-entropy if set
    [A, A + R)     joint        CE + (step - A) / R lambda L_future
    the rest       joint        CE + lambda_t L_future, constant or decaying to 0 at the last step

The model's learning rate has its own schedule, which starts at A: its warm-up and decay over the
steps after A are those of a run without head steps. The head's covers all steps.

Parameters are never frozen: optimizer groups and all-reduce buckets are fixed once, and ranks that
disagree about them wait for each other forever. h is detached instead.
"""

import math
from dataclasses import dataclass
from typing import Annotated, Literal

from pydantic import Field

from sfr_train.settings import Settings


class ScheduleSettings(Settings):
    """Weight and phases of a future loss. Lengths below 1 are shares of all steps."""

    weight: float = Field(1.0, ge=0, description="lambda of SFR, mu of MTP; 0 is plain CE")
    gradient_ratio: float | None = Field(
        None, gt=0, description="set lambda so that |lambda dL/dh| is this share of |dCE/dh|"
    )
    head_steps: float = Field(0, ge=0, description="A: only the head, on detached states")
    cross_entropy_in_head_steps: bool = Field(
        False, description="train the model on cross-entropy in head steps"
    )
    ramp_steps: float = Field(0, ge=0, description="R: the weight grows from 0 to full")
    decay: Literal["constant", "linear", "cosine"] = "constant"
    head_learning_rate: Annotated[float, Field(gt=0)] | Literal["same"] = Field(
        1e-3, description="same: the model's, as in the public code"
    )
    head_warmup_steps: float | None = Field(
        None, ge=0, description="default: the steps or share of the model's warm-up"
    )
    head_weight_decay: float = Field(0.0, ge=0, description="on matrices only")
    ema: float | None = Field(None, gt=0, lt=1, description="average the head, e.g. 0.999")
    gate: Literal["off", "dynamic", "static"] = Field(
        "off", description="detach h while the future loss is low"
    )
    gate_level: float = Field(
        1.5, gt=0, description="dynamic: below average / level; static: below level"
    )

    def head_warmup(self, total: int) -> int | None:
        """Return the head's warm-up of a run of `total` steps; None: as the model's."""
        return None if self.head_warmup_steps is None else _steps(self.head_warmup_steps, total)


def without_idle_steps(settings: ScheduleSettings) -> ScheduleSettings:
    """Return the settings for a loss without a head: head steps would train nothing at all."""
    if settings.cross_entropy_in_head_steps:
        return settings
    return settings.model_copy(update={"head_steps": 0})


@dataclass(frozen=True)
class Phase:
    """What one step does. weight: of the future loss; joint: its gradient reaches the model;
    cross_entropy: the loss of the model itself counts."""

    weight: float
    joint: bool
    cross_entropy: bool


def phase_at(step: int, *, total: int, settings: ScheduleSettings) -> Phase:
    """Return the phase of optimizer step `step` = 0 .. total - 1."""
    head = _steps(settings.head_steps, total)
    ramp = _steps(settings.ramp_steps, total)
    if step < head:
        cross_entropy = settings.cross_entropy_in_head_steps
        return Phase(settings.weight, joint=False, cross_entropy=cross_entropy)
    if step < head + ramp:
        weight = settings.weight * (step - head) / ramp
        return Phase(weight, joint=True, cross_entropy=True)
    remaining = max(total - head - ramp, 1)
    progress = min((step - head - ramp) / remaining, 1.0)
    factor = {
        "constant": 1.0,
        "linear": 1 - progress,
        "cosine": 0.5 * (1 + math.cos(math.pi * progress)),
    }[settings.decay]
    return Phase(settings.weight * factor, joint=True, cross_entropy=True)


def model_start(settings: ScheduleSettings, *, total: int) -> int:
    """Return the first step that moves the model, which its learning rate is counted from."""
    return 0 if settings.cross_entropy_in_head_steps else _steps(settings.head_steps, total)


def _steps(length: float, total: int) -> int:
    return round(length * total) if length < 1 else int(length)
