"""Computes embeddings: in float32 by PyTorch, or faster and slightly different.

`float32` is the reference. How far embeddings of `bfloat16` and `onnx` deviate from it is measured
on texts of the run and reported with every number based on them.
"""

import json
import os
import re
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Protocol

import numpy as np

from sfr_eval.embeddings.cache import Embeddings
from sfr_eval.embeddings.fixed_batches import FixedBatches, is_fixed, unit_rows
from sfr_eval.embeddings.locate import need
from sfr_eval.errors import UserError, brief_error
from sfr_eval.util.files import atomic_path
from sfr_eval.util.untrusted import plain_text

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer

Backend = Literal["float32", "bfloat16", "onnx"]
AnyBackend = Literal["auto", "float32", "bfloat16", "onnx"]

FAST_BFLOAT16 = frozenset({"amx_bf16", "avx512_bf16"})
"""Processor flags of matrix products in bfloat16, which take a fraction of float32's time."""

# Candidate batch sizes, the default, and the number of texts on which each candidate is timed.
BATCHES = {"cpu": (8, 16, 32, 64), "cuda": (64, 128, 256, 512)}
DEFAULT_BATCH = {"cpu": 32, "cuda": 256}
TRIAL = {"cpu": 96, "cuda": 1_024}
NEAR = 0.95  # of the best rate; the smallest such batch is chosen, as it needs the least memory

_PROCESSOR = Path("/proc/cpuinfo")


class LoadedEncoder(Protocol):
    """An encoder in memory."""

    device: str

    has_batch_size: bool
    """Whether `embed` heeds the batch size. If not, an embedding depends on its text alone."""

    on_rows: Callable[[int], None] | None
    """Called with the number of rows of each batch that is done."""

    def embed(self, texts: Sequence[str], batch: int) -> Embeddings:
        """Return unit rows, float32, shape (len(texts), d)."""


def own_backend(folder: Path) -> Backend:
    """Return the backend of an encoder for which none was chosen: bfloat16 for a transformer on a
    processor that multiplies in it, else float32."""
    try:
        (first, *_) = json.loads(plain_text(folder / "modules.json"))
        transformer = str(first["type"]).endswith(".Transformer")
        flags = re.search(r"^flags\s*:(.*)$", _PROCESSOR.read_text(), re.MULTILINE)
    except (OSError, ValueError, KeyError, TypeError):
        return "float32"
    fast = flags is not None and not FAST_BFLOAT16.isdisjoint(flags[1].split())
    return "bfloat16" if transformer and fast else "float32"


def load(folder: Path, *, name: str, backend: Backend, exports: Path) -> LoadedEncoder:
    """Load an encoder. Raises UserError if its files or libraries do not allow that. `exports` is
    the folder of the ONNX graph, which is made from its weights."""
    model = sentence_transformer(folder, name=name, bfloat16=backend == "bfloat16")
    if backend == "onnx":
        return _Onnx(model, name=name, file=exports / "model.onnx")
    return FixedBatches(model) if is_fixed(model) else _Torch(model)


class _Torch:
    has_batch_size = True

    def __init__(self, model: "SentenceTransformer") -> None:
        self._model = model
        self.device = str(model.device.type)
        self.on_rows: Callable[[int], None] | None = None
        model[0].register_forward_hook(self._count)

    def embed(self, texts: Sequence[str], batch: int) -> Embeddings:
        rows = self._model.encode(
            list(texts),
            batch_size=batch,
            normalize_embeddings=True,
            show_progress_bar=False,
            convert_to_numpy=True,
        )
        return unit_rows(np.asarray(rows, dtype=np.float32))

    def _count(self, _module: Any, _arguments: Any, features: Any) -> None:
        rows = features.get("token_embeddings", features.get("sentence_embedding"))
        if self.on_rows is not None and rows is not None:
            self.on_rows(len(rows))


class _Onnx:
    """ONNX Runtime in place of the transformer; pooling and what follows stay with PyTorch.

    The graph is exported once from the encoder's own weights into the cache, and not by optimum,
    whose releases do not support transformers 5.
    """

    has_batch_size = True
    _INPUTS = ("input_ids", "attention_mask", "token_type_ids")

    def __init__(self, model: "SentenceTransformer", *, name: str, file: Path) -> None:
        for package in ("onnxruntime", "onnx", "onnxscript"):
            need(package, name, extra="onnx")
        import onnxruntime

        modules = list(model)
        if type(modules[0]).__name__ != "Transformer" or model.default_prompt_name is not None:
            raise UserError(
                f"--encoder {name}: the onnx backend supports only plain transformers without "
                "a prompt; use --encoder-backend float32"
            )
        self.device = "cpu"
        self.on_rows: Callable[[int], None] | None = None
        self._model = model.to("cpu")
        self._later_modules: list[Callable[[Any], Any]] = modules[1:]
        features = model.preprocess(["export"])
        self._names = [name for name in self._INPUTS if name in features]
        if not file.is_file():
            self._export(file)
        options = onnxruntime.SessionOptions()
        if threads := os.environ.get("OMP_NUM_THREADS", ""):  # ONNX Runtime ignores it
            options.intra_op_num_threads = int(threads.split(",")[0])
        self._session = onnxruntime.InferenceSession(
            str(file), options, providers=["CPUExecutionProvider"]
        )

    def _export(self, file: Path) -> None:
        import warnings

        import torch

        example = self._model.preprocess(["two texts", "of different length"])
        any_shape = {0: torch.export.Dim.DYNAMIC, 1: torch.export.Dim.DYNAMIC}
        file.parent.mkdir(parents=True, exist_ok=True)
        with atomic_path(file) as temporary, warnings.catch_warnings():
            warnings.simplefilter("ignore")  # the exporter warns about its own future
            torch.onnx.export(
                self._model[0].auto_model.eval(),
                kwargs={name: example[name] for name in self._names},
                f=str(temporary),
                input_names=self._names,
                output_names=["token_embeddings"],
                dynamic_shapes=dict.fromkeys(self._names, any_shape),
                dynamo=True,
                external_data=False,
                verbose=False,
            )

    def embed(self, texts: Sequence[str], batch: int) -> Embeddings:
        import torch

        parts = []
        for start in range(0, len(texts), batch):
            features = self._model.preprocess(list(texts[start : start + batch]))
            inputs = {name: features[name].numpy() for name in self._names}
            (tokens,) = self._session.run(["token_embeddings"], inputs)
            features["token_embeddings"] = torch.from_numpy(tokens)
            with torch.inference_mode():
                for module in self._later_modules:
                    features = module(features)
            parts.append(features["sentence_embedding"].numpy())
            if self.on_rows is not None:
                self.on_rows(len(parts[-1]))
        return unit_rows(np.concatenate(parts))


def deviation(reference: Embeddings, other: Embeddings) -> dict[str, float | int]:
    """Measure how far embeddings of the same texts are apart, and the effect on a mean distance."""
    n = len(reference)
    differences: dict[str, float | int] = {
        "texts": n,
        "max_difference": float(np.abs(reference - other).max()),
        "lowest_cosine": float((reference * other).sum(axis=1).min()),
    }
    if n > 1:
        for key, rows in (("mean_distance", other), ("mean_distance_float32", reference)):
            total = rows.sum(axis=0, dtype=np.float64)
            differences[key] = 1 - float((total @ total - n) / (n * (n - 1)))
    return differences


def fastest_batch(
    embed: Callable[[Sequence[str], int], None], texts: Sequence[str], candidates: Sequence[int]
) -> tuple[int, dict[int, float]]:
    """Return the batch size, and characters per second of each candidate. `texts` are dealt out so
    that every candidate gets texts of the same lengths. `embed` stores what it computes, so no
    work is lost."""
    embed(texts[:1], 1)  # the first call also allocates memory
    rates = {}
    for number, batch in enumerate(candidates):
        trial = texts[1 + number :: len(candidates)]
        started = time.perf_counter()
        embed(trial, batch)
        rates[batch] = sum(map(len, trial)) / (time.perf_counter() - started)
    best = max(rates.values())
    return next(batch for batch in candidates if rates[batch] >= NEAR * best), rates


def sentence_transformer(folder: Path, *, name: str, bfloat16: bool) -> "SentenceTransformer":
    """Load a model from its folder; `name` is the name that the user gave."""
    # With one process and few long calls, threads in the tokenizer gain nothing, and they make the
    # library warn about every later fork (by the code sandbox).
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
    need("sentence_transformers", name)
    import torch
    from sentence_transformers import SentenceTransformer
    from transformers.utils import logging

    logging.disable_progress_bar()
    try:
        options = {"dtype": torch.bfloat16} if bfloat16 else None
        return SentenceTransformer(str(folder), trust_remote_code=False, model_kwargs=options)
    except Exception as error:  # noqa: BLE001 (files of any content)
        reason = brief_error(error)
        raise UserError(f"--encoder {name}: cannot be loaded: {reason}") from None
