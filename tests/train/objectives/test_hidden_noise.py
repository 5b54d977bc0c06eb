"""Noise on the last hidden state: its size, its mean, and the independence of batches."""

from pathlib import Path
from typing import Any

import pytest
import torch
from sfr_train.flow.noise import HashNoise
from sfr_train.objectives.base import Anchors
from sfr_train.objectives.hidden_noise import RandomGradient, Settings, state_noise

from tests.support.training import same, settings, sfr_trainer, tiny_model, weights


def gradient(loss: RandomGradient, *, step: int, count: int = 400) -> torch.Tensor:
    hidden = torch.randn(count, 64, requires_grad=True)
    ids = torch.arange(count)
    anchors = Anchors(hidden, torch.ones(count, 1), ids)
    loss.terms(anchors, HashNoise(0, step, ids, ids)).total.backward()
    assert hidden.grad is not None
    return hidden.grad


def test_the_gradient_has_length_one_and_mean_zero() -> None:
    one = gradient(RandomGradient("fresh"), step=3)
    assert float(one.square().sum(-1).mean()) == pytest.approx(1, abs=0.02)
    assert float(one.mean(0).norm()) == pytest.approx(400**-0.5, rel=0.3)


def test_a_fresh_direction_is_new_at_each_step_and_a_fixed_one_is_not() -> None:
    fresh, fixed = RandomGradient("fresh"), RandomGradient("fixed")
    cosine = torch.nn.functional.cosine_similarity(
        gradient(fresh, step=1), gradient(fresh, step=2), dim=-1
    )
    assert abs(float(cosine.mean())) < 0.03
    assert torch.equal(gradient(fixed, step=1), gradient(fixed, step=2))


def test_noise_in_the_forward_pass_has_the_size_of_the_state() -> None:
    states = torch.full((1000, 64), 3.0)
    noise = state_noise(states, sigma=0.1)
    assert float(noise.std()) == pytest.approx(0.3, rel=0.02)
    assert Settings(kind="forward").needs is None


@pytest.mark.parametrize("direction", ["fresh", "fixed"])
def test_micro_batches_do_not_change_the_weights(
    direction: str, tokenizer: Any, chats: list[Any], tmp_path: Path
) -> None:
    trained, start = [], weights(tiny_model(tokenizer))
    for size, steps in ((4, 1), (2, 2)):
        trainer = sfr_trainer(
            tokenizer,
            chats,
            tmp_path,
            arguments=settings(
                tmp_path / f"{size}",
                per_device_train_batch_size=size,
                gradient_accumulation_steps=steps,
            ),
            objective={"name": "hidden_noise", "direction": direction},
        )
        trainer.train()
        trained.append(weights(trainer.model))
    for name, value in trained[0].items():
        moved = float((value - start[name]).norm())
        assert float((trained[1][name] - value).norm()) < 0.01 * moved, name


def test_noise_in_the_forward_pass_stops_with_training(
    tokenizer: Any, chats: list[Any], tmp_path: Path
) -> None:
    trained = []
    for sigma in (0.0, 0.5):
        trainer = sfr_trainer(
            tokenizer,
            chats,
            tmp_path,
            objective={"name": "hidden_noise", "kind": "forward", "sigma": sigma},
        )
        trainer.train()
        trainer.model.eval()
        ids = torch.tensor([[5, 6, 7]])
        first = trainer.model(input_ids=ids).logits
        assert torch.equal(first, trainer.model(input_ids=ids).logits)
        trained.append(weights(trainer.model))
    assert not same(trained[0], trained[1])
