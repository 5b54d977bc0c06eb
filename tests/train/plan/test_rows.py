"""Steps and micro-batches of a job by hand."""

from types import SimpleNamespace
from typing import Any

import pytest
from sfr_train.plan.rows import RowStatistics, micro_batch, steps

ROWS = RowStatistics(
    rows=100, sample=100, tokens=5000, learned=1000, targets=None, cut=0, wide=90, supervised=30
)


def arguments(**values: Any) -> Any:
    plain = {
        "max_steps": -1,
        "num_train_epochs": 2.0,
        "per_device_train_batch_size": 4,
        "gradient_accumulation_steps": 3,
        "packing": False,
        "max_length": 128,
    }
    return SimpleNamespace(**{**plain, **values})


@pytest.mark.parametrize(
    ("values", "gpus", "expected"),
    [
        ({}, 1, 18),  # 25 micro-batches, 9 steps an epoch
        ({}, 2, 10),  # 13 on each GPU, 5 steps
        ({"max_steps": 7}, 8, 7),
        ({"packing": True}, 1, 8),  # 40 packs of 128 tokens
        ({"num_train_epochs": 0.5}, 1, 5),
    ],
)
def test_steps_by_hand(values: dict[str, Any], gpus: int, expected: int) -> None:
    assert steps(ROWS, arguments(**values), gpus=gpus) == expected


def test_a_micro_batch_is_of_long_rows_or_of_packs() -> None:
    assert micro_batch(ROWS, arguments()) == (360, 120)
    assert micro_batch(ROWS, arguments(packing=True)) == (512, 103)
