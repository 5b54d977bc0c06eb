"""One model's forward pass over prompts and replies, batch by batch.

All layers of one batch are in memory at a time, never those of two: `MEMORY` bounds a batch, and
its means and statistics go straight to disk.
"""

import inspect
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from sfr_eval.errors import UserError
from sfr_eval.models.states_on_disk import StatesWriter, TokenizedReplies

if TYPE_CHECKING:
    import torch

# Bytes of hidden states, and again of logits, in a batch. CPU seconds for 252 replies of the demo's
# size on one core: 2.8, 2.2, 2.0, 2.0, 2.1, 2.6 at 2**20, 22, 23, 24, 25, 27.
MEMORY = {"cpu": 2**24, "cuda": 2**32}
LAYERS = 5  # kept by default: evenly spaced, first and last included


class ForwardPass:
    """A loaded model that reads replies. `name` is for messages; `layers` None keeps `LAYERS`."""

    def __init__(self, model: Any, name: str, *, device: str, layers: Sequence[int] | None) -> None:
        self._model, self._name, self._device = model, name, device
        config = model.config.get_text_config()
        self._vocabulary = int(config.vocab_size)
        self._window = int(getattr(config, "max_position_embeddings", 2**31))
        plain = model.get_base_model() if hasattr(model, "peft_config") else model
        self._can_skip_logits = "logits_to_keep" in inspect.signature(plain.forward).parameters
        states = self._forward([[0]], positions=range(1)).hidden_states
        if not states:
            raise UserError(
                f"--model {name}: {type(plain).__name__} gives no hidden states, which the metrics "
                "geometry and tokens need; leave them out"
            )
        self.depth = len(states) - 1
        self.width = int(states[0].shape[-1])
        self._bytes = self.width * states[0].element_size() * len(states)
        self.layers = tuple(layers) if layers is not None else spread(self.depth)
        for layer in self.layers:
            if not 0 <= layer <= self.depth:
                raise UserError(
                    f"--layers {layer}: {name} has layers 0 (embedding) to {self.depth} (last)"
                )

    def batches(self, texts: TokenizedReplies) -> Iterator[list[int]]:
        """Yield rows of similar lengths, as many as the memory holds; at least one."""
        lengths = [
            (len(texts.prompts[prompt]) + len(lead), len(reply))
            for prompt, lead, reply in zip(texts.prompt_of, texts.leads, texts.replies, strict=True)
        ]
        memory = MEMORY[self._device]
        batch: list[int] = []
        shortest_prompt = longest_reply = 0
        for row in sorted(range(len(lengths)), key=lengths.__getitem__):
            prompt, reply = lengths[row]
            if not batch:
                shortest_prompt, longest_reply = prompt, 0
            longest_reply = max(longest_reply, reply)
            rows = len(batch) + 1
            states = rows * (prompt + longest_reply) * self._bytes
            logits = rows * (prompt - shortest_prompt + longest_reply) * self._vocabulary * 4
            if batch and max(states, logits) > memory:
                yield batch
                batch, shortest_prompt, longest_reply = [], prompt, reply
            batch.append(row)
        if batch:
            yield batch

    def read(self, texts: TokenizedReplies, batch: Sequence[int], *, into: StatesWriter) -> None:
        """Run the model on one batch and write its states and token statistics."""
        import torch

        prompt_lengths = [len(texts.prompts[texts.prompt_of[row]]) for row in batch]
        prompts = [texts.prompts[texts.prompt_of[row]] + texts.leads[row] for row in batch]
        replies = [texts.replies[row] for row in batch]
        ids = [prompt + reply for prompt, reply in zip(prompts, replies, strict=True)]
        longest = max(map(len, ids))
        self._check_ids(ids, longest)
        first = min(map(len, prompts)) - 1  # its logits are those of the first reply token
        output = self._forward(ids, positions=range(first, longest - 1))
        starts = torch.tensor([len(prompt) for prompt in prompts], device=self._device)
        ends = torch.tensor([len(row) for row in ids], device=self._device)
        places = torch.arange(longest, device=self._device)
        inside = (places >= starts[:, None]) & (places < ends[:, None])
        share = inside / inside.sum(dim=1, keepdim=True)  # 0/0: a reply without a token has no mean
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
        for place, (row, prompt, reply) in enumerate(zip(batch, prompts, replies, strict=True)):
            start = len(prompt) - 1 - first
            logits = output.logits[place, start : start + len(reply)]
            drawn = torch.tensor(reply, device=self._device, dtype=torch.long)
            into.write_tokens(row, *token_statistics(logits, drawn))

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

    def _forward(self, ids: Sequence[Sequence[int]], *, positions: range) -> Any:
        """Return the model's output: logits at `positions` only, hidden states everywhere."""
        import torch

        width = max(map(len, ids))
        # Padded on the right: causal attention never looks there, so a mask of ones is exact, and
        # the fast path of attention stays open.
        padded = torch.tensor([[*row, *[0] * (width - len(row))] for row in ids])
        padded = padded.to(self._device)
        logits_to_keep = torch.tensor(positions, dtype=torch.long, device=self._device)
        with torch.inference_mode():
            output = self._model(
                input_ids=padded,
                attention_mask=torch.ones_like(padded),
                output_hidden_states=True,
                use_cache=False,
                return_dict=True,
                **({"logits_to_keep": logits_to_keep} if self._can_skip_logits else {}),
            )
        if not self._can_skip_logits:
            output["logits"] = output["logits"][:, positions.start : positions.stop]
        return output


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
