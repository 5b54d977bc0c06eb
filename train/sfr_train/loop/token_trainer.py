"""An SFTTrainer whose loss on the tokens is any function of logits and token.

Cross-entropy takes the same path as its rivals, so that twins differ only in the function.

TRL's fused LM head keeps no logits, which saves the memory of a large vocabulary but halves the
speed on a CPU. Here the LM head reads only the states that predict a supervised token: prompts and
padding, most of a batch of chats, never pass through it.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any, Literal

import torch
from torch.utils.checkpoint import checkpoint
from trl import SFTTrainer

from sfr_train.loop.batch import sample_lengths, supervised_states
from sfr_train.objectives.base import TokenLoss
from sfr_train.objectives.hidden_noise import state_noise
from sfr_train.objectives.neftune import embedding_noise
from sfr_train.targets.segments import IGNORED

LMHead = Literal["auto", "supervised", "fused"]
"""supervised: logits of supervised tokens only. fused: TRL's own, which keeps no logits and only
supports cross-entropy. auto: supervised on a CPU, fused on an accelerator."""


_CHUNK = 2**26  # float32 logits at a time: a quarter of a gigabyte


class SupervisedLogits:
    """A hook before the LM head of one model. Adapters, DDP, FSDP2 and ZeRO-3 see an ordinary
    forward pass."""

    def __init__(self, model: Any) -> None:
        self._states: torch.Tensor | None = None
        model.get_output_embeddings().register_forward_pre_hook(self._pick)

    @contextmanager
    def only(self, states: torch.Tensor | None) -> Iterator[None]:
        """Within this context a forward pass gives logits (N, V) of these states (B, T) bool in
        place of (B, T, V); None: of all states."""
        self._states = states
        try:
            yield
        finally:
            self._states = None

    def _pick(self, module: Any, arguments: tuple[Any, ...]) -> tuple[Any, ...] | None:
        return None if self._states is None else (arguments[0][self._states], *arguments[1:])


def cross_entropy(logits: torch.Tensor, token: torch.Tensor) -> torch.Tensor:
    """-log p_y of each token, (N, V), (N,) -> (N,)."""
    return torch.nn.functional.cross_entropy(logits, token, reduction="none")


def supervised_loss(
    logits: torch.Tensor, labels: torch.Tensor, *, token_loss: TokenLoss
) -> torch.Tensor:
    """Sum the loss over supervised tokens, in float32.

    labels (B, T), unshifted; logits (B, T, V), or (N, V) of the supervised states alone. A large
    float32 copy is made in pieces, and again in the backward pass.
    """
    token = labels[:, 1:][labels[:, 1:] != IGNORED]
    if logits.ndim == 3:
        logits = logits[supervised_states(labels)]
    size = max(1, _CHUNK // logits.shape[-1])

    def part(some_logits: torch.Tensor, some_tokens: torch.Tensor) -> torch.Tensor:
        return token_loss(some_logits.float(), some_tokens).sum()

    if len(logits) <= size:
        return part(logits, token)
    parts = [
        checkpoint(part, logits[i : i + size], token[i : i + size], use_reentrant=False)
        for i in range(0, len(logits), size)
    ]
    return torch.stack(parts).sum()


class TokenTrainer(SFTTrainer):
    """SFTTrainer with a token loss. Call `set_token_loss` after construction."""

    _token_loss: TokenLoss | None = None
    _fused = True
    _noise = 0.0
    _lengths: torch.Tensor | None = None  # of the samples in the current micro-batch

    def set_token_loss(
        self,
        token_loss: TokenLoss | None,
        *,
        lm_head: LMHead,
        embedding_noise: float,
        hidden_noise: float = 0.0,
    ) -> None:
        """Set the token loss, None for cross-entropy, alpha of NEFTune's noise, and sigma of the
        noise on the last hidden state."""
        self._token_loss, self._noise = token_loss, embedding_noise
        on_cpu = self.args.device.type == "cpu"
        self._fused = lm_head == "fused" or (lm_head == "auto" and not on_cpu)
        self._supervised = SupervisedLogits(self.model)
        if self._noise:
            self.model.get_input_embeddings().register_forward_hook(self._add_noise)
        if hidden_noise:
            model = self.model
            language_model = model.get_base_model() if hasattr(model, "get_base_model") else model
            language_model.base_model.register_forward_hook(partial(_noisy, sigma=hidden_noise))

    def compute_loss(
        self,
        model: Any,
        inputs: dict[str, Any],
        return_outputs: bool = False,
        num_items_in_batch: Any = None,
    ) -> Any:
        """Return the sum over the micro-batch, divided by the supervised tokens of the whole step.
        Evaluation uses cross-entropy under every objective, so that they can be compared."""
        training = self.model.training
        if self._noise and training:
            self._lengths = sample_lengths(inputs)
        token_loss = self._token_loss if training else None
        if token_loss is None and self._fused:
            return super().compute_loss(model, inputs, return_outputs, num_items_in_batch)
        labels = inputs["labels"]
        batch = {name: value for name, value in inputs.items() if name != "labels"}
        if self.aux_loss_enabled:
            batch["output_router_logits"] = True
        # A caller that asks for the outputs expects all logits.
        with self._supervised.only(None if return_outputs else supervised_states(labels)):
            outputs = model(**batch, use_cache=False)
        loss = supervised_loss(outputs.logits, labels, token_loss=token_loss or cross_entropy)
        if num_items_in_batch is None:
            loss = loss / (labels[:, 1:] != IGNORED).sum().clamp(min=1)
        else:
            loss = loss / num_items_in_batch
            if self.args.average_tokens_across_devices:
                loss = loss * self.accelerator.num_processes
        if self.aux_loss_enabled:  # of experts: a mean over each micro-batch
            steps = 1 if num_items_in_batch is None else self.current_gradient_accumulation_steps
            loss = loss + self.router_aux_loss_coef * outputs.aux_loss / steps
        return (loss, outputs) if return_outputs else loss

    def _add_noise(self, module: Any, arguments: Any, output: torch.Tensor) -> torch.Tensor | None:
        if self._lengths is None or not module.training:
            return None
        lengths, self._lengths = self._lengths, None
        return output + embedding_noise(output, lengths, alpha=self._noise)


def _noisy(module: Any, arguments: Any, output: Any, *, sigma: float) -> Any:
    """Add noise to the states that the LM head reads, in training."""
    if module.training:
        states = output.last_hidden_state
        output.last_hidden_state = states + state_noise(states, sigma=sigma)
    return output
