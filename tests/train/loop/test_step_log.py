"""Which steps are logged, and the cross-entropy beside the total loss."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from sfr_train.loop.step_log import StepMean, is_logged

from tests.support.training import settings, sfr_trainer


def logged(strategy: str, *, every: int = 0, first: bool = False, total: int = 7) -> list[int]:
    arguments = SimpleNamespace(logging_strategy=strategy, logging_first_step=first)
    state = SimpleNamespace(logging_steps=every, max_steps=total)
    return [
        step + 1
        for step in range(total)
        if is_logged(step, arguments=arguments, state=state, steps_an_epoch=3)
    ]


def test_logged_steps_are_those_of_the_trainer() -> None:
    assert logged("steps", every=2) == [2, 4, 6]
    assert logged("steps", every=3, first=True) == [1, 3, 6]
    assert logged("epoch") == [3, 6, 7]
    assert logged("no", every=2) == []


def test_the_mean_is_over_steps_and_not_over_micro_batches() -> None:
    accelerator = SimpleNamespace(device="cpu", reduce=lambda value, reduction: value)
    mean = StepMean()
    assert mean.take(accelerator) is None
    for parts in ((1.0, 2.0), (5.0,)):
        for part in parts:
            mean.add(torch.tensor(part))
        mean.close_step()
    assert mean.take(accelerator) == 4.0
    assert mean.take(accelerator) is None


def history(tokenizer: Any, chats: list[Any], folder: Path, **values: Any) -> list[Any]:
    """The log of a training, without the summary at its end."""
    objective = {"objective": values.pop("objective", "ce")}
    if "schedule" in values:
        objective["schedule"] = values.pop("schedule")
    trainer = sfr_trainer(
        tokenizer, chats, folder, arguments=settings(folder / "out", **values), **objective
    )
    trainer.train()
    return [row for row in trainer.state.log_history if "loss" in row]


@pytest.mark.parametrize("micro_batches", [1, 3])
def test_ce_of_an_sfr_run_is_that_of_a_ce_run(
    micro_batches: int, tokenizer: Any, chats: list[Any], tmp_path: Path
) -> None:
    """Neither moves the model: one trains the head alone, the other at a rate of almost zero."""
    values: dict[str, Any] = {
        "max_steps": 4,
        "logging_steps": 2,
        "per_device_train_batch_size": 2,
        "gradient_accumulation_steps": micro_batches,
    }
    sfr = {"objective": {"name": "sfr", "width": 32}, "schedule": {"head_steps": 4, "weight": 7.0}}
    ours = history(tokenizer, chats, tmp_path / "sfr", **values, **sfr)
    plain = history(tokenizer, chats, tmp_path / "ce", **values, learning_rate=1e-12)
    assert [row["ce"] for row in ours] == pytest.approx([row["loss"] for row in plain], rel=1e-4)
    assert all("ce" not in row for row in plain)


@pytest.mark.parametrize(
    ("values", "rows"),
    [
        ({"logging_steps": 0.5, "max_steps": 4}, 2),
        ({"logging_strategy": "epoch", "max_steps": -1, "num_train_epochs": 2}, 2),
    ],
)
def test_shares_and_epochs_log_diagnostics(
    values: dict[str, Any], rows: int, tokenizer: Any, chats: list[Any], tmp_path: Path
) -> None:
    sfr = {"name": "sfr", "width": 32}
    log = history(tokenizer, chats[:12], tmp_path, **values, objective=sfr)
    assert len(log) == rows
    assert all({"ce", "future/loss", "future/gradient_ratio"} <= row.keys() for row in log)
