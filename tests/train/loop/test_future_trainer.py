"""The total of a micro-batch: both losses, with the factors of ranks and accumulation."""

from types import SimpleNamespace
from typing import Any

import pytest
import torch
from sfr_train.flow.schedule import Phase
from sfr_train.loop.future_trainer import FutureTrainer


@pytest.mark.parametrize(
    ("phase", "items", "expected"),
    [
        # CE 2 + lambda 3 * future 4 / weight 8 * 2 ranks
        (Phase(3.0, joint=True, cross_entropy=True), 10, 2 + 3.0),
        # Without a count of tokens the Trainer averages 5 micro-batches.
        (Phase(3.0, joint=True, cross_entropy=True), None, 2 + 15.0),
        (Phase(3.0, joint=False, cross_entropy=False), 10, 3.0),
    ],
)
def test_the_total_by_hand(phase: Phase, items: int | None, expected: float) -> None:
    trainer: Any = FutureTrainer()
    trainer.accelerator = SimpleNamespace(num_processes=2)
    trainer.current_gradient_accumulation_steps = 5
    trainer._step_weight = torch.tensor(8.0)
    outcome: Any = SimpleNamespace(terms=SimpleNamespace(total=torch.tensor(4.0)))
    assert float(trainer._total(torch.tensor(2.0), outcome, phase, items)) == expected
