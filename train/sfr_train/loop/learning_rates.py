"""Learning rates of model and head: one schedule each, in one scheduler.

The head learns in every step. The model starts when the head steps end, with a warm-up and a decay
of its own: under one schedule for both, the head steps would use up the model's warm-up and part of
its rate, and no twin without head steps would be comparable.
"""

from collections.abc import Callable
from typing import Any

import torch
from torch.optim.lr_scheduler import LambdaLR
from transformers import get_scheduler

from sfr_eval.errors import UserError
from sfr_train.flow.schedule import ScheduleSettings, model_start

_BY_RESULTS = ("reduce_lr_on_plateau", "greedy")  # follow losses, not steps

Factor = Callable[[int], float]
"""step -> share of the group's own rate."""


def check_scheduler(arguments: Any, settings: ScheduleSettings) -> None:
    """Raise UserError for a scheduler that cannot start later than step 0."""
    name = getattr(arguments.lr_scheduler_type, "value", arguments.lr_scheduler_type)
    if name in _BY_RESULTS and model_start(settings, total=1_000_000):
        raise UserError(
            f"training.lr_scheduler_type: {name} follows losses and cannot start after "
            "schedule.head_steps; choose a schedule over steps, as cosine"
        )


def separate(
    scheduler: Any, settings: ScheduleSettings, *, arguments: Any, total: int, head_groups: int
) -> None:
    """Let the model's groups start at the end of the head steps, at rate 0 before, and give the
    optimizer's last `head_groups` groups a schedule of the same shape over all steps.

    scheduler: the trainer's, built for the steps after the head steps.
    """
    if not isinstance(scheduler, LambdaLR):
        return  # by results: no head steps, and one schedule for all groups
    start = model_start(settings, total=total)
    model, head = scheduler.lr_lambdas[0], _head_factor(settings, arguments, total)

    def delayed(step: int) -> float:
        return model(step - start) if step >= start else 0.0

    count = len(scheduler.optimizer.param_groups) - head_groups
    scheduler.lr_lambdas = [delayed] * count + [head] * head_groups
    step = scheduler.last_epoch
    rates = [
        base * factor(step)
        for base, factor in zip(scheduler.base_lrs, scheduler.lr_lambdas, strict=True)
    ]
    for group, rate in zip(scheduler.optimizer.param_groups, rates, strict=True):
        group["lr"] = rate
    scheduler._last_lr = rates


def _head_factor(settings: ScheduleSettings, arguments: Any, total: int) -> Factor:
    """Return the head's factors, from the library's own schedule for an optimizer of one number."""
    warmup = settings.head_warmup(total)
    scheduler = get_scheduler(
        arguments.lr_scheduler_type,
        torch.optim.SGD([torch.zeros(1)], lr=1.0),
        num_warmup_steps=arguments.get_warmup_steps(total) if warmup is None else warmup,
        num_training_steps=total,
        scheduler_specific_kwargs=arguments.lr_scheduler_kwargs,
    )
    factor: Factor = scheduler.lr_lambdas[0]
    return factor
