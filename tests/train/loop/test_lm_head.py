"""Entropy and loss of tokens in pieces: the same numbers, in bounded memory."""

from typing import Any

import pytest
import torch
from sfr_train.loop.batch import supervised_states
from sfr_train.loop.forks import _batches
from sfr_train.loop.lm_head import StatisticsHead, entropy_and_loss, final_logits

from tests.support.memory import memory
from tests.support.training import tiny_model


def test_two_equal_logits_have_an_entropy_of_log_two() -> None:
    logits = torch.tensor([[0.0, 0.0, -200.0]])
    entropy, loss = entropy_and_loss(
        torch.zeros(1, 1), torch.tensor([2]), logits_of=lambda some: logits, vocabulary=3
    )
    assert float(entropy) == pytest.approx(0.693147)
    assert float(loss) == pytest.approx(200.693147)


def test_no_token_gives_no_number() -> None:
    entropy, loss = entropy_and_loss(
        torch.zeros(0, 4),
        torch.zeros(0, dtype=torch.long),
        logits_of=torch.nn.Linear(4, 9),
        vocabulary=9,
    )
    assert (len(entropy), len(loss)) == (0, 0)


def test_a_packed_row_of_18432_tokens_needs_under_two_gigabytes() -> None:
    """Must hold, with the vocabulary of Qwen2.5: the real shapes, on a device without numbers."""
    with torch.device("meta"):
        head = torch.nn.Linear(3584, 152_064, bias=False, dtype=torch.bfloat16)
        states = torch.empty(18_432, 3584, dtype=torch.bfloat16)
        tokens = torch.empty(18_432, dtype=torch.long)
    with memory() as used, torch.no_grad():
        entropy, _ = entropy_and_loss(states, tokens, logits_of=head, vocabulary=152_064)
        assert 1e8 < used.peak < 2e9
        whole = torch.log_softmax(head(states).float(), dim=-1)
        assert used.peak > 2e10  # all at once, for comparison
    assert (len(entropy), len(whole)) == (18_432, 18_432)


def test_a_model_gives_the_statistics_of_its_own_logits(
    tokenizer: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sfr_train.loop.lm_head._CHUNK", 7 * 600)  # pieces of 7 states
    model = tiny_model(tokenizer).eval()
    ids = torch.randint(0, 600, (2, 20), generator=torch.Generator().manual_seed(0))
    labels = ids.masked_fill(torch.arange(20) < 6, -100)
    supervised = supervised_states(labels)
    tokens = labels[:, 1:][supervised[:, :-1]]
    head = StatisticsHead(model)
    with torch.no_grad():
        log_p = torch.log_softmax(model(input_ids=ids).logits[supervised].float(), -1)
        with head.measuring(supervised, tokens):
            model(input_ids=ids)
        entropy, loss = head.take()
        assert model(input_ids=ids).logits.shape == (2, 20, 600)  # whole again
    assert torch.allclose(entropy, -(log_p.exp() * log_p).sum(-1), atol=1e-6)
    assert torch.allclose(loss, -log_p.gather(1, tokens[:, None])[:, 0], atol=1e-6)


def test_soft_caps_and_scales_of_a_model_are_applied() -> None:
    class Config:
        logits_scaling = 2.0
        final_logit_softcapping = 30.0

    capped = final_logits(torch.tensor([100.0]), Config())
    assert float(capped) == pytest.approx(30 * torch.tanh(torch.tensor(50 / 30)).item())


def test_rows_are_grouped_while_they_are_short() -> None:
    assert _batches([100] * 10) == [range(8), range(8, 10)]
    assert _batches([3000, 3000, 500, 18_432]) == [
        range(1),
        range(1, 2),
        range(2, 3),
        range(3, 4),
    ]
    assert _batches([]) == []
