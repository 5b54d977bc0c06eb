"""Runs a sentence-transformers model on a CPU so that an embedding depends on its text alone.

Which kernel multiplies two matrices depends on their shapes, and with it the last bits of the
product. In batches of whatever is at hand, an embedding would depend on the texts beside it, on the
batch size and on the number of threads. Here all batches of one length have the same shape: ROWS
texts, padded to the next multiple of STEP word pieces; a batch that lacks texts is filled up with
copies of its first. One thread computes a batch, and several threads compute several batches.
"""

from collections import defaultdict
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from typing import TYPE_CHECKING, Any

import numpy as np

from sfr_eval.embeddings.cache import Embeddings

if TYPE_CHECKING:
    import torch
    from sentence_transformers import SentenceTransformer

ROWS = 8
STEP = 4


def is_fixed(model: "SentenceTransformer") -> bool:
    """Return whether a model is a plain transformer on a CPU that pads on the right."""
    return (
        model.device.type == "cpu"
        and type(model[0]).__name__ == "Transformer"
        and model.default_prompt_name is None
        and getattr(model.tokenizer, "padding_side", "") == "right"
    )


class FixedBatches:
    """A model for which `is_fixed` is true."""

    device = "cpu"
    has_batch_size = False

    def __init__(self, model: "SentenceTransformer") -> None:
        self._model = model.eval()
        self.on_rows: Callable[[int], None] | None = None

    def embed(self, texts: Sequence[str], _batch: int = ROWS) -> Embeddings:
        """See LoadedEncoder."""
        import torch

        if not texts:
            return np.zeros((0, self._model.get_embedding_dimension() or 0), np.float32)
        features = self._features(texts)
        lengths = features["attention_mask"].sum(dim=1).tolist()
        batches = batches_of(lengths, window=self._model.max_seq_length)
        rows: Embeddings | None = None
        threads = torch.get_num_threads()
        pool = ThreadPoolExecutor(threads, initializer=torch.set_num_threads, initargs=(1,))
        try:
            work = {
                pool.submit(self._forward, features, batch, width): batch
                for batch, width in batches
            }
            for done in as_completed(work):
                part, batch = done.result(), work[done]
                if rows is None:
                    rows = np.empty((len(texts), part.shape[1]), np.float32)
                rows[batch] = part
                if self.on_rows is not None:
                    self.on_rows(len(batch))
        finally:
            pool.shutdown(cancel_futures=True)
            torch.set_num_threads(threads)
        assert rows is not None
        return unit_rows(rows)

    def _features(self, texts: Sequence[str]) -> "dict[str, torch.Tensor]":
        """Return what the model reads, with room for the padding of the longest text."""
        import torch

        fill = {"input_ids": self._model.tokenizer.pad_token_id or 0}
        features: dict[str, Any] = self._model.preprocess(list(texts))
        return {
            name: torch.nn.functional.pad(value, (0, STEP), value=fill.get(name, 0))
            for name, value in features.items()
            if isinstance(value, torch.Tensor) and value.ndim == 2
        }

    def _forward(
        self, features: "dict[str, torch.Tensor]", batch: Sequence[int], width: int
    ) -> Embeddings:
        import torch

        numbers = torch.tensor([*batch, *[batch[0]] * (ROWS - len(batch))])
        with torch.inference_mode():
            outputs = self._model(
                {name: value[numbers, :width].contiguous() for name, value in features.items()}
            )
            rows = outputs["sentence_embedding"][: len(batch)].float().numpy()
        return np.asarray(rows, dtype=np.float32)


def batches_of(lengths: Sequence[int], *, window: int | None) -> list[tuple[list[int], int]]:
    """Return (rows, width) of each batch, the widest first. The width depends on a row's length
    alone. Where there is room each row has padding: without any, transformers leaves out the
    mask, and takes another kernel."""
    by_shape: dict[tuple[int, bool], list[int]] = defaultdict(list)
    for row, length in enumerate(lengths):
        padded = (length // STEP + 1) * STEP
        has_room = window is None or padded <= window
        by_shape[padded if has_room else length, has_room].append(row)
    return [
        (rows[start : start + ROWS], width)
        for (width, _), rows in sorted(by_shape.items(), reverse=True)
        for start in range(0, len(rows), ROWS)
    ]


def unit_rows(rows: Embeddings) -> Embeddings:
    """Divide each row by its length, which half precision leaves off by a thousandth."""
    lengths = np.linalg.norm(rows, axis=1, keepdims=True)
    return np.asarray(rows / np.where(lengths > 0, lengths, 1), dtype=np.float32)
