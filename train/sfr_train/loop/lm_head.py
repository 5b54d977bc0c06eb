"""What follows the LM head in some models, and statistics of tokens without all of their logits."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import torch

_CHUNK = 2**25  # float32 logits at a time: an eighth of a gigabyte, of which some copies exist


def final_logits(logits: torch.Tensor, config: Any) -> torch.Tensor:
    """Return logits in float32 after the model's own scaling and soft cap, as its forward pass."""
    logits = logits.float()
    logits = logits * (getattr(config, "logit_scale", None) or 1.0)  # Cohere
    logits = logits / (getattr(config, "logits_scaling", None) or 1.0)  # Granite
    cap = getattr(config, "final_logit_softcapping", None)  # Gemma
    return logits if cap is None else cap * torch.tanh(logits / cap)


def entropy_and_loss(
    states: torch.Tensor,
    tokens: torch.Tensor,
    *,
    logits_of: Callable[[torch.Tensor], torch.Tensor],
    vocabulary: int,
) -> tuple[torch.Tensor, torch.Tensor]:
    """Return the entropy of the next token and -log p of `tokens`, nats, both (N,).

    states (N, H); tokens (N,); logits_of: (n, H) -> (n, V). The logits of a few hundred states
    exist at a time: 18,432 states of 152,064 entries need 1.5 GB in place of 34.
    """

    def part(some: torch.Tensor, token: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        log_p = torch.log_softmax(logits_of(some).float(), dim=-1)
        loss = -log_p.gather(1, token[:, None])[:, 0]
        return -log_p.exp().mul_(log_p).sum(-1), loss

    size = max(1, _CHUNK // vocabulary)
    parts = [part(*pair) for pair in zip(states.split(size), tokens.split(size), strict=True)]
    entropies, losses = zip(*parts, strict=True)
    return torch.cat(entropies), torch.cat(losses)


class StatisticsHead:
    """The LM head of a model, whose own forward pass can give statistics in place of logits.

    The pieces are computed inside that pass, where FSDP2 and ZeRO-3 have gathered the weights.
    """

    def __init__(self, model: Any) -> None:
        self._module = model.get_output_embeddings()
        self._config = model.config.get_text_config()
        self._values: tuple[torch.Tensor, torch.Tensor] | None = None

    @contextmanager
    def measuring(self, supervised: torch.Tensor, tokens: torch.Tensor) -> Iterator[None]:
        """Within this context a forward pass of the model measures the states `supervised` (B, T)
        bool, which predict `tokens` (N,); its logits are those of one state only."""
        module = self._module
        own, previous = module.forward, vars(module).get("forward")

        def forward(states: torch.Tensor, *others: Any, **options: Any) -> torch.Tensor:
            def logits_of(some: torch.Tensor) -> torch.Tensor:
                return final_logits(own(some, *others, **options), self._config)

            self._values = entropy_and_loss(
                states[supervised],
                tokens,
                logits_of=logits_of,
                vocabulary=self._config.vocab_size,
            )
            first: torch.Tensor = own(states[:1, :1], *others, **options)
            return first

        module.forward = forward
        try:
            yield
        finally:
            if previous is None:
                del module.forward  # the class's again
            else:
                module.forward = previous

    def take(self) -> tuple[torch.Tensor, torch.Tensor]:
        """Return entropy and loss of the last measured pass."""
        values, self._values = self._values, None
        assert values is not None, "the forward pass of the model did not reach its LM head"
        return values
