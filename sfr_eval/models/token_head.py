"""Logits of a causal language model, a bounded number of them at a time.

A forward pass as it is returns the logits of whole replies: 1,000 tokens of a vocabulary of 256,000
entries are a gigabyte. Here the decoder runs by itself, and its last states go through the rest of
the model's own forward pass (head, scaling, soft cap) in parts, so that a batch is as large as the
decoder likes it.
"""

import inspect
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import torch

LOGITS = {"cpu": 2**23, "cuda": 2**28}
"""Logits at a time, in float32; a few copies of them exist."""

_ROUNDING = 0.02  # share by which logits may differ in bfloat16; those of another token do by 1


@dataclass(frozen=True, kw_only=True)
class Decoded:
    """What the decoder gave: `last` (rows, tokens, ...) is what `TokenHead.logits` takes."""

    last: "torch.Tensor"
    hidden_states: "tuple[torch.Tensor, ...] | None"
    cache: Any


class TokenHead:
    """The decoder of a model and, separately, what follows it."""

    def __init__(self, model: Any, *, device: str) -> None:
        self._model, self._device = model, device
        self._plain = model.get_base_model() if hasattr(model, "peft_config") else model
        self._decoder: Any = None
        self._output: Any = None  # of the decoder, with the states of a part in the last place
        self._decoder = self._find_decoder()

    @property
    def in_parts(self) -> bool:
        """Whether logits exist only in parts. A checkpoint's own code, and models that cannot
        leave logits out, give those of whole batches."""
        return self._decoder is not None

    def run(self, ids: "torch.Tensor", **options: Any) -> Decoded:
        """Run the decoder on token ids (rows, tokens). Padding is on the right, where causal
        attention never looks, so that no mask is needed."""
        import torch

        self._output = None  # never the states of two batches
        with torch.inference_mode():
            if self._decoder is None:
                output = self._model(input_ids=ids, return_dict=True, **options)
                last = output.logits
            else:
                output = self._run_decoder(self._decoder, ids, options)
                last = self._output.last_hidden_state
        return Decoded(
            last=last,
            hidden_states=getattr(output, "hidden_states", None),
            cache=getattr(output, "past_key_values", None),
        )

    def logits(self, states: "torch.Tensor", *, vocabulary: int) -> "Iterator[torch.Tensor]":
        """Yield the logits (n, vocabulary) of states (N, ...) of the last run, in their order."""
        import torch

        for part in states.split(max(1, LOGITS[self._device] // vocabulary)):
            if self._decoder is None:
                yield part.float()
            else:
                with torch.inference_mode():
                    yield self._after_decoder(self._decoder, part).float()

    def _run_decoder(self, decoder: Any, ids: "torch.Tensor", options: dict[str, Any]) -> Any:
        def keep(_module: Any, _inputs: Any, output: Any) -> None:
            self._output = output

        handle = decoder.register_forward_hook(keep)
        try:
            return self._model(input_ids=ids, return_dict=True, logits_to_keep=1, **options)
        finally:
            handle.remove()

    def _after_decoder(self, decoder: Any, states: "torch.Tensor") -> "torch.Tensor":
        """Run the model with a decoder that returns `states` (n, width), whatever it is given."""
        import torch

        self._output.last_hidden_state = states[None]
        decoder.forward = lambda *_, **__: self._output
        try:
            token = torch.zeros((1, 1), dtype=torch.long, device=self._device)
            logits: torch.Tensor = self._plain(
                input_ids=token, use_cache=False, return_dict=True
            ).logits[0]
        finally:
            del decoder.forward  # the class's again
        return logits

    def _find_decoder(self) -> Any:
        """Return the module whose last states become logits, tried on two tokens; None if there is
        none that can be told from outside."""
        import torch

        own_code = not type(self._plain).__module__.startswith("transformers.")
        if own_code or "logits_to_keep" not in inspect.signature(self._plain.forward).parameters:
            return None
        ids = torch.tensor([[0, 1]], device=self._device)
        with torch.inference_mode():
            expected = self._model(input_ids=ids, use_cache=False, return_dict=True).logits[0]
            expected = expected.float()
            for decoder in (self._plain.base_model, self._plain.get_decoder()):
                self._output = None
                self._run_decoder(decoder, ids, {"use_cache": False})
                if getattr(self._output, "last_hidden_state", None) is None:
                    continue
                states = self._output.last_hidden_state[0]
                # The second token by itself: a decoder that ran again would have read another.
                logits = self._after_decoder(decoder, states[1:]).float()
                gap = (logits - expected[1:]).norm()
                if gap <= _ROUNDING * expected[1:].norm():
                    return decoder
        return None
