"""One model's forward pass over prompts and replies, batch by batch.

All layers of one batch are in memory at a time, never those of two, and logits only in parts: a
batch is bounded by `MEMORY` and `TOKENS`, and its means and statistics go straight to disk.
"""

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from sfr_eval.errors import UserError
from sfr_eval.models.states_on_disk import StatesWriter, TokenizedReplies
from sfr_eval.models.token_head import Decoded, TokenHead

if TYPE_CHECKING:
    import torch

# Bytes of hidden states in a batch. CPU seconds for 252 replies of the demo's size on one core:
# 2.8, 2.2, 2.0, 2.0, 2.1, 2.6 at 2**20, 22, 23, 24, 25, 27.
MEMORY = {"cpu": 2**24, "cuda": 2**32}
TOKENS = 1024  # which a batch may have in any case: matrices of fewer rows are slow
LAYERS = 5  # kept by default: evenly spaced, first and last included


class ForwardPass:
    """A loaded model that reads replies. `name` is for messages; `layers` None keeps `LAYERS`."""

    def __init__(self, model: Any, name: str, *, device: str, layers: Sequence[int] | None) -> None:
        self._model, self._name, self._device = model, name, device
        config = model.config.get_text_config()
        self._vocabulary = int(config.vocab_size)
        self._window = int(getattr(config, "max_position_embeddings", 2**31))
        self._head = TokenHead(model, device=device)
        states = self._forward([[0]])[1].hidden_states
        if not states:
            plain = model.get_base_model() if hasattr(model, "peft_config") else model
            raise UserError(
                f"--model {name}: {type(plain).__name__} gives no hidden states, which the metrics "
                "geometry and tokens need; leave them out"
            )
        self.depth = len(states) - 1
        self.width = int(states[0].shape[-1])
        self._bytes = self.width * states[0].element_size() * len(states)  # of one token
        if not self._head.in_parts:
            self._bytes = max(self._bytes, 4 * self._vocabulary)
        self.layers = tuple(layers) if layers is not None else spread(self.depth)
        for layer in self.layers:
            if not 0 <= layer <= self.depth:
                raise UserError(
                    f"--layers {layer}: {name} has layers 0 (embedding) to {self.depth} (last)"
                )

    def batches(self, texts: TokenizedReplies) -> Iterator[list[int]]:
        """Yield rows of similar lengths, as many as the memory holds; at least one."""
        lengths = [
            (len(texts.prompts[prompt]) + len(lead) + len(reply), len(reply))
            for prompt, lead, reply in zip(texts.prompt_of, texts.leads, texts.replies, strict=True)
        ]
        tokens = max(MEMORY[self._device] // self._bytes, TOKENS)
        batch: list[int] = []
        for row in sorted(range(len(lengths)), key=lengths.__getitem__):
            if batch and (len(batch) + 1) * lengths[row][0] > tokens:
                yield batch
                batch = []
            batch.append(row)
        if batch:
            yield batch

    def read(self, texts: TokenizedReplies, batch: Sequence[int], *, into: StatesWriter) -> None:
        """Run the model on one batch and write its states and token statistics."""
        import torch

        prompt_lengths = [len(texts.prompts[texts.prompt_of[row]]) for row in batch]
        prompts = [texts.prompts[texts.prompt_of[row]] + texts.leads[row] for row in batch]
        replies = [texts.replies[row] for row in batch]
        padded, output = self._forward([p + r for p, r in zip(prompts, replies, strict=True)])
        assert output.hidden_states is not None
        starts = torch.tensor([len(prompt) for prompt in prompts], device=self._device)
        lengths = torch.tensor([len(reply) for reply in replies], device=self._device)
        places = torch.arange(padded.shape[1], device=self._device) - starts[:, None]
        inside = (places >= 0) & (places < lengths[:, None])
        share = inside / lengths[:, None]  # 0/0: a reply without a token has no mean
        rows = torch.arange(len(batch), device=self._device)
        last_token = torch.tensor(prompt_lengths, device=self._device) - 1
        prompt_states, reply_states = [], []
        for layer in self.layers:
            state = output.hidden_states[layer].float()
            prompt_states.append(state[rows, last_token])
            reply_states.append(torch.einsum("bt,btd->bd", share, state))
        into.write_states(
            batch,
            prompt=self._finite(torch.stack(prompt_states, dim=1)),
            reply=torch.stack(reply_states, dim=1).cpu().numpy(),
        )
        before = output.last[:, :-1][inside[:, 1:]]  # the state before each reply token
        statistics = self._statistics(before, padded[inside])
        ends = np.cumsum([len(reply) for reply in replies])[:-1]
        for row, of_reply in zip(batch, np.split(statistics, ends, axis=1), strict=True):
            into.write_tokens(row, *of_reply)

    def _statistics(self, states: "torch.Tensor", drawn: "torch.Tensor") -> npt.NDArray[np.float32]:
        """Return entropy and log-probability, shape (2, tokens), of tokens drawn after `states`."""
        parts, place = [np.zeros((2, 0), np.float32)], 0
        for logits in self._head.logits(states, vocabulary=self._vocabulary):
            here = drawn[place : place + len(logits)]
            parts.append(np.stack(token_statistics(logits, here)))
            place += len(logits)
        return np.concatenate(parts, axis=1)

    def _check_ids(self, ids: Sequence[Sequence[int]], longest: int) -> None:
        if longest > self._window:
            raise UserError(
                f"--model {self._name}: a prompt with its reply has {longest:,} tokens, its window "
                f"is {self._window:,}"
            )
        if max(map(max, ids)) >= self._vocabulary:
            raise UserError(
                f"--base-model {self._name}: its vocabulary of {self._vocabulary:,} tokens is too "
                "small for the run's tokenizer; give the checkpoint that the run's was trained from"
            )

    def _finite(self, states: "torch.Tensor") -> npt.NDArray[np.float32]:
        array: npt.NDArray[np.float32] = states.cpu().numpy()
        if not np.isfinite(array).all():
            raise UserError(
                f"--model {self._name}: hidden states overflow; use --dtype bfloat16 or float32"
            )
        return array

    def _forward(self, ids: Sequence[Sequence[int]]) -> "tuple[torch.Tensor, Decoded]":
        """Return the padded token ids, shape (rows, tokens), and the decoder's output."""
        import torch

        width = max(map(len, ids))
        self._check_ids(ids, width)
        # Padded on the right: causal attention never looks there, so a mask of ones is exact, and
        # the fast path of attention stays open.
        padded = torch.tensor([[*row, *[0] * (width - len(row))] for row in ids])
        padded = padded.to(self._device)
        output = self._head.run(
            padded,
            attention_mask=torch.ones_like(padded),
            output_hidden_states=True,
            use_cache=False,
        )
        return padded, output


def token_statistics(
    logits: "torch.Tensor", drawn: "torch.Tensor"
) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]:
    """Return (entropy, log-probability of the drawn token) at each position, in nats. Logits have
    shape (tokens, vocabulary), `drawn` (tokens,). Computed in float32 whatever the model uses."""
    import torch

    logs = torch.log_softmax(logits.float(), dim=-1)
    entropy = torch.special.entr(logs.exp()).sum(dim=-1)
    log_probability = logs.gather(1, drawn[:, None])[:, 0]
    return entropy.cpu().numpy(), log_probability.cpu().numpy()


def spread(depth: int) -> tuple[int, ...]:
    """Return up to `LAYERS` of the layers 0 (embedding) to `depth`, evenly spaced, both ends
    included."""
    return tuple(sorted({round(step * depth / (LAYERS - 1)) for step in range(LAYERS)}))
