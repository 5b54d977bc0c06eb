"""The loss over supervised tokens: against a hand computation, in pieces, without tokens."""

import pytest
import torch
from sfr_train.loop.token_trainer import cross_entropy, supervised_loss
from sfr_train.objectives import gem, tofu

V = 9


def tofu_loss(logits: torch.Tensor, token: torch.Tensor) -> torch.Tensor:
    return tofu.token_loss(logits, token, gamma=3.0, beta=0.8)


def gem_loss(logits: torch.Tensor, token: torch.Tensor) -> torch.Tensor:
    return gem.token_loss(logits, token, beta=0.7, weighting="linear")


def test_supervised_loss_shifts_masks_and_computes_in_float32() -> None:
    torch.manual_seed(0)
    logits = torch.randn(2, 5, V).bfloat16()
    labels = torch.tensor([[-100, 1, -100, 2, 3], [-100, -100, -100, -100, 4]])
    loss = supervised_loss(logits, labels, token_loss=cross_entropy)
    log_p = torch.log_softmax(logits.float(), -1)
    by_hand = -(log_p[0, 0, 1] + log_p[0, 2, 2] + log_p[0, 3, 3] + log_p[1, 3, 4])
    assert loss.dtype == torch.float32
    assert float(loss) == pytest.approx(float(by_hand), rel=1e-6)


def test_supervised_loss_in_pieces_is_the_same_loss(monkeypatch: pytest.MonkeyPatch) -> None:
    torch.manual_seed(0)
    logits = torch.randn(3, 40, V, dtype=torch.float64, requires_grad=True)
    labels = torch.randint(0, V, (3, 40))
    whole = supervised_loss(logits, labels, token_loss=tofu_loss)
    (expected,) = torch.autograd.grad(whole, logits)
    monkeypatch.setattr("sfr_train.loop.token_trainer._CHUNK", 13 * V)
    pieces = supervised_loss(logits, labels, token_loss=tofu_loss)
    (gradient,) = torch.autograd.grad(pieces, logits)
    assert float(pieces) == pytest.approx(float(whole), rel=1e-6)
    assert torch.allclose(gradient, expected, atol=1e-6)


def test_supervised_loss_without_tokens_is_zero_with_a_gradient() -> None:
    logits = torch.randn(1, 4, V, requires_grad=True)
    loss = supervised_loss(logits, torch.full((1, 4), -100), token_loss=gem_loss)
    loss.backward()
    assert float(loss) == 0
    assert float(logits.grad.abs().max()) == 0
