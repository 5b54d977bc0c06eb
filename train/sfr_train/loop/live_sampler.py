"""Draws from the model that trains, without a copy of it.

Every process generates its share of the requests with the model as it lies: whole, sharded by FSDP2
or partitioned by ZeRO-3, whose forward passes gather a layer at a time. So the memory is that of
the shards and of a key-value cache. All processes make equally many calls of `generate`, and wait
in each for the longest reply (`synced_gpus`).
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from accelerate.utils import gather_object
from transformers import GenerationConfig

from sfr_eval.errors import UserError
from sfr_eval.models.architecture import window_of
from sfr_eval.models.loading import end_ids
from sfr_eval.models.prompting import Prompter
from sfr_eval.samplers.transformers import TransformersSampler
from sfr_eval.types import Request, Sample
from sfr_train.loop.weight_average import reshard

_BATCH = 32


def language_model(model: Any) -> Any:
    """Return the causal language model inside adapters, whose layers it holds."""
    return model.get_base_model() if hasattr(model, "get_base_model") else model


class LiveSampler(TransformersSampler):
    """The generate loop over a model in memory."""

    def __init__(self, model: Any, *, prompter: Prompter, processes: int) -> None:
        parameter = next(model.parameters())
        self._model, self._prompter = model, prompter
        dtype: Any = str(parameter.dtype).removeprefix("torch.")
        self._device, self._dtype = str(parameter.device), dtype
        self._batch_size, self._together = _BATCH, processes > 1
        self.ends = self._ends = end_ids(model, prompter.tokenizer)
        self._window = window_of(model.config) or 2**31

    def check(self, requests: Sequence[Request]) -> None:
        """Raise UserError for a prompt without room for its reply: all processes generate in step,
        so that none may be left out."""
        for request in requests:
            length = len(self._prompter.token_ids(request.prompt.messages))
            if length + request.sampling.max_tokens > self._window:
                raise UserError(
                    f"evaluation: prompt {request.prompt.id} has {length} tokens, which with "
                    f"max_tokens {request.sampling.max_tokens} are more than the model's window "
                    f"of {self._window}"
                )

    def _without_gradients(self) -> Any:
        return torch.no_grad()  # an inference tensor could not train any more


@contextmanager
def in_evaluation(model: Any, ends: Sequence[int]) -> Iterator[None]:
    """Within this context the model is in evaluation mode, without generation settings of its own,
    and with a cache."""
    training, settings = model.training, model.generation_config
    cached = getattr(model.config, "use_cache", None)
    model.eval()
    model.generation_config = GenerationConfig(eos_token_id=list(ends))
    model.config.use_cache = True
    try:
        yield
    finally:
        reshard(model)
        model.train(training)
        model.generation_config, model.config.use_cache = settings, cached


def drawn_by_all(
    sampler: LiveSampler, requests: Sequence[Request], *, rank: int, processes: int
) -> list[Sample]:
    """Draw this process's share, and return all rows, on every process."""
    share = list(requests[rank::processes])
    share += [requests[0]] * (-(-len(requests) // processes) - len(share))  # equally many calls
    rows = list(sampler.sample(share))
    return list({row.sample_id: row for row in gather_object(rows)}.values())


class DrawnRows:
    """A sampler (`sfr_eval.types.Sampler`) whose rows have been drawn already."""

    def __init__(self, rows: Iterable[Sample], facts: Mapping[str, Any]) -> None:
        self._rows, self._facts = {row.sample_id: row for row in rows}, facts

    def describe(self) -> Mapping[str, Any]:
        """The facts of the engine that drew them."""
        return self._facts

    def sample(self, requests: Iterable[Request]) -> Iterator[Sample]:
        """Yield the row of each request."""
        yield from (self._rows[request.sample_id] for request in requests)

    def close(self) -> None:
        """Nothing is open."""
