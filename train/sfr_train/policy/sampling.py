"""Samples that depend on (seed, step, reply, position) alone.

A policy's completions are drawn token by token. From torch's generator, another number of ranks, a
resumed run or another batch size would draw others, and no two set-ups would train on the same
text. Here the uniform number behind each token is a hash of what it belongs to, and the token is
found by inverting the cumulative distribution: exactly the model's distribution at temperature,
top_k, top_p and min_p, and the same reply wherever it is computed (up to rounding of the logits).
"""

import functools
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from transformers import (
    LogitsProcessor,
    LogitsProcessorList,
    MinPLogitsWarper,
    TemperatureLogitsWarper,
    TopKLogitsWarper,
    TopPLogitsWarper,
)

from sfr_train.flow.noise import HashNoise

_MOST_TOKENS = 2**20  # of a completion; positions beyond would share numbers with the next reply


@dataclass(frozen=True)
class Draw:
    """One generation: the replies `first` to `first + n - 1` of the whole batch of all ranks."""

    seed: int
    step: int
    first: int

    def uniform(self, replies: int, position: int, *, device: torch.device) -> torch.Tensor:
        """Return a number in (0, 1) for each reply at one position, (replies,), float64."""
        rows = self.first + torch.arange(replies, dtype=torch.int64, device=device)
        ids = 2 * (rows * _MOST_TOKENS + position)
        coarse, fine = (
            HashNoise(self.seed, self.step, ids, ids + half).uniform().double() for half in (0, 1)
        )
        return (coarse - 2.0**-24) + fine * 2.0**-23  # 46 bits of two hashes of 23


class HashedSampling(LogitsProcessor):
    """Leaves one token of each row: whatever `generate` does afterwards, it is drawn."""

    def __init__(self, draw: Draw, warpers: LogitsProcessorList, *, prompt_length: int) -> None:
        self._draw, self._warpers, self._prompt_length = draw, warpers, prompt_length

    def __call__(self, input_ids: torch.Tensor, scores: torch.Tensor) -> torch.Tensor:
        """Return scores (N, V) with 0 at the drawn token and -inf elsewhere."""
        position = input_ids.shape[1] - self._prompt_length
        probabilities = torch.softmax(self._warpers(input_ids, scores.float()).double(), dim=-1)
        level = self._draw.uniform(len(scores), position, device=scores.device)
        token = inverted(probabilities, level)
        return torch.full_like(scores, -torch.inf).scatter(1, token[:, None], 0.0)


def inverted(probabilities: torch.Tensor, level: torch.Tensor) -> torch.Tensor:
    """Return the first token whose cumulative probability exceeds `level` times the total, (N,)."""
    cumulative = probabilities.cumsum(dim=-1)
    token = torch.searchsorted(cumulative, (level * cumulative[:, -1])[:, None], right=True)[:, 0]
    last = probabilities.shape[-1] - 1 - (probabilities.flip(-1) > 0).int().argmax(dim=-1)
    return torch.minimum(token, last)


def warpers(
    *, temperature: float, top_k: int, top_p: float, min_p: float | None
) -> LogitsProcessorList:
    """Return the filters of GRPOConfig, in the order in which transformers applies them."""
    return LogitsProcessorList(
        [
            *([TemperatureLogitsWarper(temperature)] if temperature != 1.0 else []),
            *([TopKLogitsWarper(top_k)] if top_k else []),
            *([TopPLogitsWarper(top_p)] if top_p < 1.0 else []),
            *([MinPLogitsWarper(min_p)] if min_p else []),
        ]
    )


@contextmanager
def hashed_sampling(model: Any, draw: Draw, filters: LogitsProcessorList) -> Iterator[None]:
    """Within this context `model.generate` draws by hashes."""
    generate = model.generate

    @functools.wraps(generate)
    def hashed(*arguments: Any, **options: Any) -> Any:
        length = options["input_ids"].shape[1]
        sampling = HashedSampling(draw, filters, prompt_length=length)
        return generate(*arguments, logits_processor=LogitsProcessorList([sampling]), **options)

    model.generate = hashed
    try:
        yield
    finally:
        del model.generate  # uncovers the method of the class
