"""What is drawn in a block changes nothing after it."""

import random

import numpy as np
import torch
from sfr_train.loop.random_states import random_states_kept


def draws() -> tuple[float, float, float]:
    return random.random(), float(np.random.rand()), float(torch.rand(()))


def test_all_three_generators_go_on_as_if_nothing_was() -> None:
    random.seed(1)
    np.random.seed(1)
    torch.manual_seed(1)
    with random_states_kept():
        inside = draws()
    assert draws() == inside
    assert draws() != inside
