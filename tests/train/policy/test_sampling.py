"""Hashed samples: the model's distribution, and the same reply wherever it is computed."""

from typing import Any

import pytest
import torch
from sfr_train.policy.sampling import Draw, hashed_sampling, inverted, warpers
from transformers import LogitsProcessorList

from tests.support.training import tiny_model


def test_a_level_picks_the_token_whose_interval_holds_it() -> None:
    probabilities = torch.tensor([[0.2, 0.0, 0.5, 0.3, 0.0]], dtype=torch.float64)
    levels = [1e-9, 0.1999, 0.2001, 0.6999, 0.7001, 1 - 1e-15]
    tokens = [int(inverted(probabilities, torch.tensor([level]))) for level in levels]
    assert tokens == [0, 0, 2, 2, 3, 3]


def test_tokens_have_the_probabilities_of_the_model() -> None:
    probabilities = torch.softmax(torch.linspace(-3, 1, 6, dtype=torch.float64), dim=0)
    n = 40_000
    levels = torch.cat(
        [Draw(7, step, 0).uniform(n // 8, 3, device=torch.device("cpu")) for step in range(8)]
    )
    tokens = inverted(probabilities.expand(n, -1), levels)
    shares = torch.bincount(tokens, minlength=6) / n
    chi = n * ((shares - probabilities) ** 2 / probabilities).sum()
    assert chi < 20.5  # 99.9 % of chi square with 5 degrees of freedom


def test_numbers_do_not_depend_on_how_the_batch_is_divided() -> None:
    cpu = torch.device("cpu")
    whole = Draw(1, 5, 0).uniform(8, 2, device=cpu)
    parts = [Draw(1, 5, first).uniform(4, 2, device=cpu) for first in (0, 4)]
    assert torch.equal(whole, torch.cat(parts))
    others = [Draw(2, 5, 0), Draw(1, 6, 0)]
    assert all(not torch.equal(whole, other.uniform(8, 2, device=cpu)) for other in others)
    assert not torch.equal(whole, Draw(1, 5, 0).uniform(8, 3, device=cpu))
    assert len(set(whole.tolist())) == 8


def generated(model: Any, ids: torch.Tensor, *, first: int, filters: Any = None) -> Any:
    with hashed_sampling(model, Draw(0, 0, first), filters or LogitsProcessorList()):
        return model.generate(
            input_ids=ids,
            attention_mask=torch.ones_like(ids),
            do_sample=True,
            max_new_tokens=6,
            pad_token_id=0,
            eos_token_id=None,
        )[:, ids.shape[1] :]


def test_replies_are_the_same_in_one_batch_and_in_two(tokenizer: Any) -> None:
    model = tiny_model(tokenizer).eval()
    ids = torch.arange(1, 33).reshape(8, 4)
    whole = generated(model, ids, first=0)
    torch.manual_seed(99)
    parts = [generated(model, ids[half : half + 4], first=half) for half in (0, 4)]
    assert torch.equal(whole, torch.cat(parts))
    assert len({tuple(row) for row in whole.tolist()}) == 8
    assert "generate" not in vars(model)


def test_filters_bound_what_is_drawn(tokenizer: Any) -> None:
    model = tiny_model(tokenizer).eval()
    ids = torch.tensor([[5, 6, 7]] * 4)
    best = model(ids[:1]).logits[0, -1].argmax()
    greedy = warpers(temperature=1.0, top_k=1, top_p=1.0, min_p=None)
    assert (generated(model, ids, first=0, filters=greedy)[:, 0] == best).all()
    narrow = warpers(temperature=0.7, top_k=0, top_p=0.001, min_p=0.1)
    assert (generated(model, ids, first=0, filters=narrow)[:, 0] == best).all()
    assert [type(f).__name__ for f in narrow] == [
        "TemperatureLogitsWarper", "TopPLogitsWarper", "MinPLogitsWarper",
    ]  # fmt: skip


@pytest.mark.parametrize("level", [0.0, 1.0])
def test_both_ends_of_the_level_give_a_possible_token(level: float) -> None:
    probabilities = torch.tensor([[0.0, 0.4, 0.6, 0.0]])
    token = int(inverted(probabilities, torch.tensor([level])))
    assert probabilities[0, token] > 0
