"""The entropy bonus against its formula and its gradient."""

import math

import pytest
import torch
from sfr_train.objectives.base import Sizes
from sfr_train.objectives.entropy import Settings, build, token_loss


def test_the_bonus_of_a_fair_coin_is_log_two() -> None:
    logits, token = torch.zeros(1, 2), torch.tensor([0])
    # -log(1/2) - beta log 2
    expected = (1 - 0.3) * math.log(2)
    assert float(token_loss(logits, token, beta=0.3)) == pytest.approx(expected)


def test_beta_zero_is_trls_own_loss() -> None:
    assert build(Settings(beta=0), Sizes(hidden=2, vocabulary=3)).token_loss is None


def test_a_certain_prediction_has_no_entropy_and_no_nan() -> None:
    logits = torch.tensor([[2000.0, 0.0, -2000.0]], requires_grad=True)
    loss = token_loss(logits, torch.tensor([0]), beta=0.5)
    loss.sum().backward()
    assert float(loss.detach()) == 0
    assert logits.grad is not None
    assert torch.isfinite(logits.grad).all()


def test_the_gradient_is_that_of_the_docstring() -> None:
    torch.manual_seed(0)
    logits = torch.randn(5, 7, dtype=torch.float64, requires_grad=True)
    token = torch.randint(0, 7, (5,))
    token_loss(logits, token, beta=0.4).sum().backward()
    p = torch.softmax(logits.detach(), -1)
    entropy = -(p * p.log()).sum(-1, keepdim=True)
    one_hot = torch.nn.functional.one_hot(token, 7)
    assert torch.allclose(logits.grad, p - one_hot + 0.4 * p * (p.log() + entropy))
