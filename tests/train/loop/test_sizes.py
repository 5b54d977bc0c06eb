"""What an objective's networks know about model and targets."""

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from sfr_train.loop.sizes import sizes_of
from transformers import GPT2Config, GPT2LMHeadModel


@pytest.fixture(scope="module")
def model() -> Any:
    return GPT2LMHeadModel(GPT2Config(n_embd=8, n_layer=1, n_head=1, vocab_size=11, n_positions=4))


def test_sizes_are_those_of_the_model_and_its_targets(model: Any) -> None:
    targets: Any = SimpleNamespace(
        size=3,
        deviation=0.5,
        mean=np.array([1, 2, 3], np.float32),
        covariance=(np.array([1, 2, 4], np.float32), np.eye(3, dtype=np.float32)),
    )
    sizes = sizes_of(model, targets)
    assert (sizes.hidden, sizes.vocabulary, sizes.target, sizes.scale) == (8, 11, 3, 0.5)
    assert sizes.field is not None
    # At tau = 0 a head that ignores the model sees noise: it predicts the mean less that noise.
    noise = torch.tensor([[1.0, 0.0, -1.0]])
    velocity = sizes.field.velocity(noise, torch.zeros(1))
    assert velocity.tolist() == [[0.0, 2.0, 4.0]]


def test_without_targets_there_is_no_field(model: Any) -> None:
    assert sizes_of(model, None).field is None
