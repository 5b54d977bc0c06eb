"""Turns the text of a future into a vector, with any sentence-transformers model, frozen.

Futures are short and have few different lengths. They are tokenized once and batched by length, so
that hardly any padding is computed; on a CPU a batch of a few hundred tokens also stays in the
cache. Between tokenizer and pooling the transformer is called directly.
"""

import platform
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import cached_property, partial
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt
import torch
from torch.nn.utils.rnn import pad_sequence

from sfr_eval.embeddings.encoder import Encoder
from sfr_eval.errors import UserError
from sfr_eval.util.assets import cache_folder
from sfr_train.targets.segments import TargetSettings

Floats = npt.NDArray[np.float32]
# 512: fastest of 128 to 2,048 for MiniLM on one core
BATCH_TOKENS = {"cpu": 512, "cuda": 32_768}
_PADDING = 0.05  # the largest share of a batch
_SAME = 1e-3  # largest distance of our batches from the library's on the trial texts


class TextEncoder(Protocol):
    """Turns texts into unit vectors."""

    @property
    def key(self) -> str:
        """Identifies weights, tokenizer and pooling."""

    def encode(self, texts: Sequence[str]) -> Floats:
        """Return (len(texts), d), rows of length 1."""


class PackedLinears:
    """The linear layers of one model on a CPU, with weights laid out once by oneDNN; none if torch
    lacks the operation.

    torch multiplies float32 matrices with MKL, which lays out the weights again in every call and
    is slow on some CPUs. The results are equal up to rounding.
    """

    def __init__(self, model: Any, *, rows: int) -> None:
        """rows: about the number of rows of the inputs, for which the layout is chosen."""
        self._forwards: list[tuple[Any, Any]] = []
        operations = torch.ops.mkldnn
        if not (
            model.device.type == "cpu"
            and platform.machine() in {"x86_64", "AMD64"}
            and torch.backends.mkldnn.is_available()
            and hasattr(operations, "_reorder_linear_weight")
            and hasattr(operations, "_linear_pointwise")
        ):
            return
        for module in model.modules():
            if type(module) is torch.nn.Linear and module.weight.dtype == torch.float32:
                packed = operations._reorder_linear_weight(module.weight.detach(), rows)
                self._forwards.append((module, partial(_forward, packed, module.bias)))

    @contextmanager
    def in_use(self) -> Iterator[None]:
        """Within this context the model's linear layers use the packed weights."""
        for module, forward in self._forwards:
            module.forward = forward
        try:
            yield
        finally:
            for module, _ in self._forwards:
                del module.forward  # uncovers the method of the class


def _forward(weight: torch.Tensor, bias: torch.Tensor | None, rows: torch.Tensor) -> torch.Tensor:
    result: torch.Tensor = torch.ops.mkldnn._linear_pointwise(rows, weight, bias, "none", [], "")
    return result


class SentenceEncoder:
    """A sentence-transformers model, with its own pooling or the mean over tokens."""

    def __init__(self, settings: TargetSettings) -> None:
        self._settings = settings
        self._encoder = Encoder(settings.encoder, cache_folder())

    @cached_property
    def key(self) -> str:
        """Fingerprint and pooling."""
        with _named_as_setting():
            return f"{self._encoder.fingerprint}/{self._settings.pooling}"

    @cached_property
    def _model(self) -> Any:
        with _named_as_setting(), outside_zero_init():
            model = self._encoder.model
        if self._settings.pooling == "mean":
            from sentence_transformers.sentence_transformer.modules import Pooling

            pooling = [module for module in model if isinstance(module, Pooling)]
            if not pooling:
                raise UserError(
                    f"targets.pooling: {self._encoder.name} has no pooling layer; use native"
                )
            pooling[0].pooling_mode = "mean"
        return model

    def encode(self, texts: Sequence[str]) -> Floats:
        """Return unit rows; half precision on a GPU."""
        device = self._model.device.type
        with (
            torch.inference_mode(),
            torch.autocast(device, torch.float16, enabled=device == "cuda"),
        ):
            return self._in_batches(texts) if self._plain else self.encode_plainly(texts)

    def encode_plainly(self, texts: Sequence[str]) -> Floats:
        """Encode with the library's own `encode`."""
        rows = self._model.encode(
            list(texts), batch_size=64, normalize_embeddings=True, show_progress_bar=False
        )
        return np.asarray(rows, dtype=np.float32)

    @cached_property
    def _plain(self) -> bool:
        """Whether the model is a transformer and its follow-up modules, without a prompt or other
        inputs, and our batches reproduce the library's vectors of some texts."""
        first = next(iter(self._model))
        if type(first).__name__ != "Transformer" or self._model.default_prompt_name is not None:
            return False
        inputs = {"input_ids", "attention_mask", "token_type_ids"}
        if not inputs >= set(first.tokenizer("a text")):
            return False
        trial = ["one", "Two words", "A sentence of some more words, and a comma."]
        difference = np.abs(self._in_batches(trial) - self.encode_plainly(trial))
        return bool(difference.max() < _SAME)

    @cached_property
    def _packed(self) -> PackedLinears:
        return PackedLinears(self._model[0].auto_model, rows=self._limit)

    @property
    def _limit(self) -> int:
        return self._settings.batch_tokens or BATCH_TOKENS.get(self._model.device.type, 4_096)

    def _in_batches(self, texts: Sequence[str]) -> Floats:
        model = self._model
        transformer, rest = model[0], list(model)[1:]
        # Texts with the same tokens are one text to the transformer: an uncased model ignores case,
        # spaces and line breaks, in which many programs differ.
        token_ids = transformer.tokenizer(
            list(texts),
            truncation=True,
            max_length=transformer.max_seq_length,
            return_attention_mask=False,
            return_token_type_ids=False,
        )["input_ids"]
        row_of: dict[tuple[int, ...], int] = {}
        text_rows = [row_of.setdefault(tuple(tokens), len(row_of)) for tokens in token_ids]
        ids = list(row_of)
        padding = transformer.tokenizer.pad_token_id or 0
        order = sorted(range(len(ids)), key=lambda i: len(ids[i]))
        rows: list[Floats] = []
        for start, stop in batches([len(ids[i]) for i in order], limit=self._limit):
            part = order[start:stop]
            unpadded = [torch.tensor(ids[i], dtype=torch.long) for i in part]
            tokens = pad_sequence(unpadded, batch_first=True, padding_value=padding)
            mask = pad_sequence([torch.ones_like(row) for row in unpadded], batch_first=True)
            tokens, mask = tokens.to(model.device), mask.to(model.device)
            with self._packed.in_use():
                states = transformer.auto_model(input_ids=tokens, attention_mask=mask)
            features = {"token_embeddings": states.last_hidden_state, "attention_mask": mask}
            for module in rest:
                features = module(features)
            unit = torch.nn.functional.normalize(features["sentence_embedding"].float(), dim=1)
            rows.append(unit.cpu().numpy())
        return np.concatenate(rows)[np.argsort(order)[text_rows]]


def batches(lengths: Sequence[int], *, limit: int) -> Iterator[tuple[int, int]]:
    """Yield ranges of ascending lengths with at most `limit` tokens, padding included, and hardly
    any padding. A single longer text is a batch of its own."""
    start = 0
    for i, length in enumerate(lengths):
        full = (i + 1 - start) * length > limit
        if i > start and (full or length > lengths[start] * (1 + _PADDING)):
            yield start, i
            start = i
    if lengths:
        yield start, len(lengths)


@contextmanager
def _named_as_setting() -> Iterator[None]:
    """Rename --encoder in the encoder's errors: training has a setting instead."""
    try:
        yield
    except UserError as error:
        raise UserError(str(error).replace("--encoder", "targets.encoder", 1)) from None


@contextmanager
def outside_zero_init() -> Iterator[None]:
    """Load whole weights even if DeepSpeed's ZeRO-3 would shard every model."""
    from transformers.integrations import deepspeed

    reference = deepspeed._hf_deepspeed_config_weak_ref
    deepspeed._hf_deepspeed_config_weak_ref = None
    try:
        yield
    finally:
        deepspeed._hf_deepspeed_config_weak_ref = reference
