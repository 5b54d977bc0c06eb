"""The model before training, for losses that compare with it.

Under an adapter it is the same model with the adapter off, which costs a second forward pass but no
memory. In full fine-tuning it is a frozen copy, whole on every rank.
"""

import copy
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace
from typing import Any

import torch

from sfr_eval.errors import UserError
from sfr_train.loop.head_run import AnchorBatch
from sfr_train.loop.lm_head import final_logits


class FrozenBase:
    """Gives the base's last hidden states and both models' logits."""

    def __init__(
        self,
        model: Any,
        *,
        copy_dtype: torch.dtype,
        autocast: Callable[[], AbstractContextManager[Any]],
    ) -> None:
        self._model, self._autocast = model, autocast
        self._adapted = hasattr(model, "disable_adapter")
        self._language_model = model.get_base_model() if self._adapted else model
        if self._adapted:
            trained = model.get_output_embeddings().parameters()
            if any(parameter.requires_grad for parameter in trained):
                raise UserError(
                    "objective kl_to_base: with an adapter the LM head must stay as it is"
                )
            self._base = self._language_model
        else:
            self._base = copy.deepcopy(model).to(copy_dtype).eval().requires_grad_(False)

    def with_states(self, batch: AnchorBatch, inputs: Mapping[str, Any]) -> AnchorBatch:
        """Return the batch with the base's states (N, H) as its targets."""
        others = {name: value for name, value in inputs.items() if name != "labels"}
        training = self._model.training
        self._model.eval()  # without dropout
        adapter_off = self._model.disable_adapter() if self._adapted else nullcontext()
        with torch.no_grad(), self._autocast(), adapter_off:
            states = self._base.base_model(**others, use_cache=False).last_hidden_state
        self._model.train(training)
        anchors = replace(batch.anchors, target=states[batch.row, batch.column])
        return replace(batch, anchors=anchors)

    def model_logits(self, states: torch.Tensor) -> torch.Tensor:
        """(N, H) -> (N, V) float32, by the LM head that is trained."""
        return _logits(self._language_model, states)

    def base_logits(self, states: torch.Tensor) -> torch.Tensor:
        """(N, H) -> (N, V) float32, by the frozen LM head."""
        return _logits(self._base, states)


def _logits(language_model: Any, states: torch.Tensor) -> torch.Tensor:
    """Apply the LM head's matrix, not its module: the trainer's hook on that picks other states."""
    head, config = language_model.get_output_embeddings(), language_model.config.get_text_config()
    logits = torch.nn.functional.linear(
        states.to(head.weight.dtype), head.weight, getattr(head, "bias", None)
    )
    return final_logits(logits, config)
