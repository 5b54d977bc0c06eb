"""The model's schedule starts when the head steps end; the head has one of its own."""

from pathlib import Path
from typing import Any

import pytest
import torch
from sfr_train.flow.schedule import ScheduleSettings, model_start
from sfr_train.loop.learning_rates import separate
from transformers import get_scheduler

from sfr_eval.errors import UserError
from tests.support.training import (
    WordEncoder,
    same,
    settings,
    sfr_trainer,
    tiny_model,
    weights,
)


def rates(total: int, schedule: dict[str, Any], folder: Path, **shape: Any) -> Any:
    """The rates of a model's group of 1e-4 and of a head's group of 1e-3 in each step."""
    parts = [torch.nn.Parameter(torch.zeros(1)) for _ in range(2)]
    optimizer = torch.optim.SGD(
        [{"params": [parts[0]], "lr": 1e-4}, {"params": [parts[1]], "lr": 1e-3}]
    )
    arguments, chosen = settings(folder, **shape), ScheduleSettings(**schedule)
    steps = total - model_start(chosen, total=total)
    scheduler = get_scheduler(
        arguments.lr_scheduler_type,
        optimizer,
        arguments.get_warmup_steps(steps),
        steps,
        arguments.lr_scheduler_kwargs,
    )
    separate(scheduler, chosen, arguments=arguments, total=total, head_groups=1)
    seen = []
    for _ in range(total):
        seen.append([group["lr"] for group in optimizer.param_groups])
        optimizer.step()
        scheduler.step()
    model, head = zip(*seen, strict=True)
    return list(model), list(head)


SHAPES: list[dict[str, Any]] = [
    {"lr_scheduler_type": "cosine", "warmup_steps": 0.25},
    {"lr_scheduler_type": "linear", "warmup_steps": 3},
    {"lr_scheduler_type": "constant"},
    {"lr_scheduler_type": "cosine_with_min_lr", "lr_scheduler_kwargs": {"min_lr_rate": 0.1}},
]


@pytest.mark.parametrize("shape", SHAPES, ids=lambda shape: shape["lr_scheduler_type"])
@pytest.mark.parametrize("head_steps", [4, 0.25])
def test_joint_steps_have_the_rates_of_a_run_without_head_steps(
    head_steps: float, shape: dict[str, Any], tmp_path: Path
) -> None:
    plain, _ = rates(12, {}, tmp_path, **shape)
    model, head = rates(16, {"head_steps": head_steps}, tmp_path, **shape)
    assert model == [0.0] * 4 + plain
    whole, _ = rates(16, {}, tmp_path, **shape)
    assert head == pytest.approx([10 * rate for rate in whole])


def test_the_head_may_have_its_own_warm_up(tmp_path: Path) -> None:
    shape: dict[str, Any] = {"lr_scheduler_type": "constant_with_warmup", "warmup_steps": 4}
    model, head = rates(8, {"head_steps": 2, "head_warmup_steps": 0.25}, tmp_path, **shape)
    assert head == pytest.approx([0, 0.5e-3, *[1e-3] * 6])
    assert model == pytest.approx([0, 0, 0, 0.25e-4, 0.5e-4, 0.75e-4, 1e-4, 1e-4])


def test_cross_entropy_in_head_steps_leaves_the_models_schedule(tmp_path: Path) -> None:
    schedule = {"head_steps": 4, "cross_entropy_in_head_steps": True}
    assert rates(8, schedule, tmp_path, **SHAPES[0])[0] == rates(8, {}, tmp_path, **SHAPES[0])[0]


def test_the_trainer_starts_the_model_after_the_head_steps(
    tokenizer: Any, chats: list[Any], tmp_path: Path
) -> None:
    def logged(schedule: dict[str, Any], steps: int) -> tuple[list[float], Any]:
        trainer = sfr_trainer(
            tokenizer,
            chats[:8],
            tmp_path,
            arguments=settings(
                tmp_path / "out",
                max_steps=steps,
                learning_rate=1e-4,
                lr_scheduler_type="cosine",
                warmup_steps=2,
            ),
            schedule=schedule,
            encoder=WordEncoder(),
        )
        trainer.train()
        history = trainer.state.log_history
        return [row["learning_rate"] for row in history if "learning_rate" in row], trainer

    plain, _ = logged({"weight": 0}, 4)
    model, trainer = logged({"head_steps": 2, "head_learning_rate": "same"}, 6)
    assert model == [0.0, 0.0, *plain]
    assert trainer.lr_scheduler.base_lrs == [1e-4] * len(trainer.optimizer.param_groups)


def test_a_loss_without_a_head_has_no_head_steps(
    tokenizer: Any, chats: list[Any], tmp_path: Path
) -> None:
    """Or the model would wait for nothing, and the wait would use up its warm-up."""
    trained = []
    for steps in (0, 3):
        trainer = sfr_trainer(
            tokenizer,
            chats[:8],
            tmp_path,
            arguments=settings(tmp_path / "out", max_steps=5, warmup_steps=2),
            objective="hidden_noise",
            schedule={"head_steps": steps, "weight": 3.0},
        )
        trainer.train()
        trained.append(weights(trainer.model))
    assert same(trained[0], trained[1])
    assert not same(trained[0], weights(tiny_model(tokenizer)))


def test_a_scheduler_that_follows_losses_cannot_wait(
    tokenizer: Any, chats: list[Any], tmp_path: Path
) -> None:
    import datasets

    arguments = settings(
        tmp_path / "out", lr_scheduler_type="reduce_lr_on_plateau", eval_strategy="epoch"
    )
    with pytest.raises(UserError, match="reduce_lr_on_plateau follows losses and cannot start"):
        sfr_trainer(
            tokenizer,
            chats,
            tmp_path,
            arguments=arguments,
            schedule={"head_steps": 2},
            encoder=WordEncoder(),
            eval_dataset=datasets.Dataset.from_list(chats[:4]),
        )
