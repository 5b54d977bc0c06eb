"""Sizes and initial behaviour of the networks beside the model."""

import pytest
import torch
from sfr_train.flow.head import FlowHead, TokenHeads, sinusoids


@pytest.mark.parametrize(("hidden", "parameters"), [(5120, 17_838_080), (3584, 16_265_216)])
def test_the_head_has_the_published_number_of_parameters(hidden: int, parameters: int) -> None:
    with torch.device("meta"):
        head = FlowHead(size=1024, hidden_size=hidden)
    assert sum(parameter.numel() for parameter in head.parameters()) == parameters


def test_a_new_head_predicts_zero_and_learns_its_last_layer() -> None:
    head = FlowHead(size=6, hidden_size=5, width=8)
    hidden = torch.randn(3, 5, requires_grad=True)
    out = head(torch.randn(3, 6), torch.rand(3), hidden)
    assert float(out.abs().max()) == 0
    (out - 1).square().sum().backward()
    assert head.leave.weight.grad.abs().max() > 0
    assert head.enter[0].weight.grad.abs().max() == 0
    assert hidden.grad.abs().max() == 0  # so the first step does not move the model


def test_the_time_embedding_is_sines_then_cosines() -> None:
    # size 4: frequencies 1 and 10000^-1; angle 2
    expected = torch.tensor([2.0, 2e-4]).sin().tolist() + torch.tensor([2.0, 2e-4]).cos().tolist()
    assert sinusoids(torch.tensor([2.0]), 4)[0].tolist() == pytest.approx(expected, abs=1e-6)
    assert sinusoids(torch.tensor([2.0]), 5).shape == (1, 5)


def test_each_token_head_has_its_own_weights() -> None:
    heads = TokenHeads(hidden_size=3, vocabulary=5, tokens=2)
    hidden = torch.randn(4, 3)
    logits = heads(hidden)
    assert logits.shape == (4, 2, 5)
    assert torch.allclose(logits[:, 1], heads.heads[1](hidden))
    assert not torch.allclose(logits[:, 0], logits[:, 1])
