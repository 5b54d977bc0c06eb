"""What replies are compared by in EBFT: states of the frozen starting model, or an encoder."""

import copy
from collections.abc import Sequence
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt
import torch

from sfr_eval.embeddings.encoder import Encoder
from sfr_eval.errors import UserError
from sfr_eval.util.assets import cache_folder
from sfr_train.data.chat_texts import prompt_texts
from sfr_train.targets.text_encoder import outside_zero_init

Floats = npt.NDArray[np.float32]
_BATCH = 16


class Features(Protocol):
    """Turns replies into unit vectors."""

    def __call__(self, prompts: Sequence[Any], replies: Sequence[str]) -> Floats:
        """Return (len(replies), d), rows of length 1."""


class ModelFeatures:
    """Hidden states of a frozen copy of the starting model, joined over some of its layers.

    The state is that of the reply's last token, which has read prompt and reply, or the mean over
    the reply's tokens; an empty reply has the state of the prompt's last token.
    """

    def __init__(
        self, model: Any, tokenizer: Any, *, depths: Sequence[float], pooling: str
    ) -> None:
        """`depths`: shares of the layers, as .5 for the state after half of them."""
        if any(hasattr(parameter, "ds_id") for parameter in model.parameters()):
            raise UserError(
                "objective.features: ZeRO-3 shards the model, so that no frozen copy of it can be "
                "made; set objective.features=encoder, or use FSDP2"
            )
        self._model = copy.deepcopy(model).eval().requires_grad_(False)
        self._tokenizer, self._pooling = tokenizer, pooling
        layers = model.config.get_text_config().num_hidden_layers
        self._layers = [round(depth * layers) for depth in depths]

    def __call__(self, prompts: Sequence[Any], replies: Sequence[str]) -> Floats:
        """See the class; (n, layers * hidden)."""
        from accelerate import PartialState

        self._model.to(PartialState().device)
        parts = [
            self._batch(prompts[start : start + _BATCH], replies[start : start + _BATCH])
            for start in range(0, len(replies), _BATCH)
        ]
        rows = torch.cat(parts).cpu().numpy()
        return np.asarray(rows, dtype=np.float32)

    def _batch(self, prompts: Sequence[Any], replies: Sequence[str]) -> torch.Tensor:
        heads = prompt_texts(self._tokenizer, prompts)
        lengths = [len(self._ids(head)) for head in heads]
        whole = [self._ids(head + reply) for head, reply in zip(heads, replies, strict=True)]
        width = max(map(len, whole))
        ids = torch.zeros(len(whole), width, dtype=torch.int64)
        mask = torch.zeros_like(ids)
        pooled = torch.zeros(len(whole), width)
        for number, (row, length) in enumerate(zip(whole, lengths, strict=True)):
            ids[number, : len(row)] = torch.tensor(row)
            mask[number, : len(row)] = 1
            start = len(row) - 1 if self._pooling == "last" else min(length, len(row) - 1)
            pooled[number, start : len(row)] = 1 / (len(row) - start)
        device = self._model.device
        with torch.inference_mode():
            states = self._model(
                input_ids=ids.to(device),
                attention_mask=mask.to(device),
                output_hidden_states=True,
                use_cache=False,
                logits_to_keep=1,
            ).hidden_states
            joined = torch.cat(
                [
                    torch.einsum("nt,nth->nh", pooled.to(device), states[layer].float())
                    for layer in self._layers
                ],
                dim=1,
            )
            return torch.nn.functional.normalize(joined, dim=1)

    def _ids(self, text: str) -> list[int]:
        return list(self._tokenizer(text, add_special_tokens=False)["input_ids"])


class EncoderFeatures:
    """Embeddings of replies alone by a sentence encoder, all-MiniLM-L6-v2 by default."""

    def __init__(self, name: str | None) -> None:
        with outside_zero_init():
            self._model = Encoder(name, cache_folder()).model

    def __call__(self, prompts: Sequence[Any], replies: Sequence[str]) -> Floats:
        """See the class; (n, d)."""
        rows = self._model.encode(list(replies), normalize_embeddings=True, show_progress_bar=False)
        return np.asarray(rows, dtype=np.float32)
