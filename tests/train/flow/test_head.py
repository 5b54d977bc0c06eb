"""Sizes and initial behaviour of the networks beside the model."""

import pytest
import torch
from sfr_train.flow.head import FlowHead, TokenHeads, sinusoids

from tests.support.memory import memory


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


def test_token_losses_by_head_are_those_of_all_logits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sfr_train.flow.head._CHUNK", 3 * 11)  # pieces of 3 states
    torch.manual_seed(0)
    heads = TokenHeads(hidden_size=5, vocabulary=11, tokens=3)
    tokens, weight = torch.randint(0, 11, (8, 3)), torch.rand(8, 3)
    gradients = []
    for at_once in (True, False):
        hidden = torch.randn(8, 5, generator=torch.Generator().manual_seed(1)).requires_grad_()
        heads.zero_grad()
        if at_once:
            loss = torch.nn.functional.cross_entropy(
                heads(hidden).flatten(0, 1), tokens.flatten(), reduction="none"
            ).view(8, 3)
        else:
            loss = heads(hidden, tokens)
        (loss * weight).sum().backward()
        gradients.append([loss.detach(), hidden.grad, *(p.grad for p in heads.parameters())])
    for all_logits, by_head in zip(*gradients, strict=True):
        assert torch.allclose(all_logits, by_head, atol=1e-6)


def test_token_heads_keep_the_logits_of_one_piece_at_a_time() -> None:
    """Four heads on a packed row, forward and backward, by shape; all logits are 45 GB."""
    with torch.device("meta"):
        heads = TokenHeads(hidden_size=64, vocabulary=152_064, tokens=4)
        hidden = torch.empty(18_432, 64, requires_grad=True)
        tokens = torch.empty(18_432, 4, dtype=torch.long)
    with memory() as used:
        heads(hidden, tokens).sum().backward()
    assert 2e8 < used.peak < 2e9
