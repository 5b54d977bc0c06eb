"""Checks, before an engine starts, that config.json describes the weights that lie beside it.

An engine that is given another size than the weights have may fill the rest at random and sample
it. So the model of config.json is built without memory for its values (PyTorch's device `meta`),
and transformers says which tensors of the weight files do not fit into it. Values are not read.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sfr_eval.errors import UserError, brief_error
from sfr_eval.models.adapter_shapes import adapter_misfits
from sfr_eval.models.architecture import load_config
from sfr_eval.models.checkpoint import Checkpoint
from sfr_eval.models.fingerprint import read_json_object
from sfr_eval.models.safetensors_file import StoredTensor, shape_text
from sfr_eval.models.stored_weights import stored_weights
from sfr_eval.util.progress import log

_LAYER = re.compile(r"(?<=\.)\d+(?=\.)|^\d+(?=\.)")
_LAYER_COUNTS = ("num_hidden_layers", "n_layer", "n_layers", "num_layers")
_FLOATS = frozenset({"F64", "F32", "BF16", "F16"})
_EMBEDDINGS = ("embed_tokens.weight", "wte.weight", "word_embeddings.weight", "embed_in.weight")
_MOST_PARTS = 100_000  # experts and the like, each of which would become an object in memory


def check_shapes(checkpoint: Checkpoint, *, trust_remote_code: bool) -> None:
    """Raise UserError, which names tensors and shapes, unless the weights are those of the model
    that config.json describes. Weights that the model has no use for are logged."""
    whole = checkpoint.base or checkpoint
    if whole.folder is None:
        return
    where = f"--model {checkpoint.name}"
    stored = stored_weights(whole.folder)
    if stored is None:  # a format whose shapes are not read here
        return
    raw = read_json_object(whole.folder / "config.json")
    _check_counts(raw, stored, where=where)
    config = load_config(whole, trust_remote_code=trust_remote_code)
    kind = _model_class(config)
    if kind is None:  # a model that only vLLM knows, or one with code of its own
        _check_embedding(raw, stored, where=where)
        return
    quantised = getattr(config, "quantization_config", None) is not None
    if quantised:  # whose layers have other tensors; embeddings and norms stay as they were
        del config.quantization_config
    model, loaded = _built(kind, config, {} if quantised else stored, where=where)
    if quantised:
        missing, misfits, unused = _by_name(model, stored)
    else:
        missing = sorted(loaded["missing_keys"])
        misfits = sorted((name, tuple(a), tuple(b)) for name, a, b in loaded["mismatched_keys"])
        unused = sorted(loaded["unexpected_keys"])
    _refuse(missing, misfits, _beyond(model, unused, config), where=where)
    if unused and not quantised:
        log(f"note: {where}: its files hold {_named(unused)}, which the model has no place for")
    if checkpoint.base is not None and checkpoint.folder is not None:
        _check_adapter(checkpoint.folder, model, where=where)


def _check_counts(raw: Mapping[str, Any], stored: Mapping[str, Any], *, where: str) -> None:
    """Raise UserError for a count of layers or parts that the weights cannot have: building such a
    model would take all memory."""
    for part in (raw, raw.get("text_config")):
        for name, number in part.items() if isinstance(part, Mapping) else ():
            if isinstance(number, bool) or not isinstance(number, int | float):
                continue
            most = len(stored) if name in _LAYER_COUNTS else _MOST_PARTS
            counted = name in _LAYER_COUNTS or "layer" in name or "expert" in name
            if counted and not number <= max(1, most):
                raise UserError(
                    f"{where}: config.json: {name}: {number:,}, but its files hold {len(stored):,} "
                    "tensors; give the config.json that belongs to the weights"
                )


def _model_class(config: Any) -> Any:
    """Return transformers' class of a model: the one that config.json names, which is also the one
    that engines build; None if there is none."""
    import transformers

    if config is None:
        return None
    names = getattr(config, "architectures", None)
    named = names[0] if isinstance(names, list | tuple) and names else None
    kind: Any = getattr(transformers, named, None) if isinstance(named, str) else None
    if isinstance(kind, type) and issubclass(kind, transformers.PreTrainedModel):
        own: Any = kind
        if own.config_class is type(config):
            return own
    if getattr(config, "auto_map", None):
        return None
    return transformers.AutoModelForCausalLM._model_mapping.get(type(config), None)


def _built(
    kind: Any, config: Any, stored: Mapping[str, StoredTensor], *, where: str
) -> tuple[Any, Mapping[str, Any]]:
    """Return the model of a config on the device `meta`, and what transformers says of the tensors
    that are put into it."""
    import torch

    types = {"F64": "float64", "F32": "float32", "BF16": "bfloat16", "F16": "float16"}
    try:
        with _silence():
            if not stored:
                with torch.device("meta"):
                    return kind(config), {}
            tensors = {
                name: torch.empty(
                    tensor.shape,
                    dtype=getattr(torch, types.get(tensor.dtype, "uint8")),
                    device="meta",
                )
                for name, tensor in stored.items()
            }
            model, loaded = kind.from_pretrained(
                None,
                config=config,
                state_dict=tensors,
                device_map="meta",
                attn_implementation="eager",
                output_loading_info=True,
                ignore_mismatched_sizes=True,
            )
            return model, loaded
    except Exception as error:  # noqa: BLE001 (of classes that a foreign config made fail anywhere)
        why = brief_error(error)
        raise UserError(
            f"{where}: config.json: transformers cannot build its model ({why}); give the "
            "config.json that belongs to the weights"
        ) from None


def _by_name(
    model: Any, stored: Mapping[str, StoredTensor]
) -> tuple[list[str], list[tuple[str, tuple[int, ...], tuple[int, ...]]], list[str]]:
    """Return (missing, misfits, unused) of quantised weights. Only what is stored as plain numbers
    is compared; a layer is there if any tensor of it is, and missing if one of its kind is."""
    places = {name.rpartition(".")[0] for name in stored}
    kinds = {_LAYER.sub("N", place) for place in places}
    missing, misfits = [], []
    expected = {name: tuple(tensor.shape) for name, tensor in model.state_dict().items()}
    for name, shape in expected.items():
        tensor, place = stored.get(name), name.rpartition(".")[0]
        if tensor is not None and tensor.dtype in _FLOATS and tensor.shape != shape:
            misfits.append((name, tensor.shape, shape))
        if place not in places and _LAYER.search(place) and _LAYER.sub("N", place) in kinds:
            missing.append(name)
    return sorted(missing), sorted(misfits), sorted(set(stored) - set(expected))


def _beyond(model: Any, unused: Sequence[str], config: Any) -> list[str]:
    """Return the unused tensors of layers like those of the model, but beyond its last: the model
    would be sampled without them. Layers for the prediction of several tokens may be unused."""
    known = {_LAYER.sub("N", name) for name in model.state_dict()}
    if getattr(config.get_text_config(), "num_nextn_predict_layers", 0):
        return []
    return [name for name in unused if _LAYER.search(name) and _LAYER.sub("N", name) in known]


def _refuse(
    missing: Sequence[str],
    misfits: Sequence[tuple[str, tuple[int, ...], tuple[int, ...]]],
    beyond: Sequence[str],
    *,
    where: str,
) -> None:
    if misfits:
        name, there, wanted = misfits[0]
        more = f" ({len(misfits):,} such tensors)" if len(misfits) > 1 else ""
        raise UserError(
            f"{where}: config.json wants {name} of {shape_text(wanted)}, its files hold "
            f"{shape_text(there)}{more}; give the config.json that belongs to the weights"
        )
    if missing:
        raise UserError(
            f"{where}: its files lack {_named(missing)} of the model that config.json describes; "
            "copy or save it again"
        )
    if beyond:
        raise UserError(
            f"{where}: its files hold {_named(beyond)}, layers beyond the last that config.json "
            "describes; give the config.json that belongs to the weights"
        )


def _check_embedding(
    raw: Mapping[str, Any], stored: Mapping[str, StoredTensor], *, where: str
) -> None:
    """Compare the input embedding with the sizes in config.json, where the model itself is not
    known here."""
    wanted = (raw.get("vocab_size"), raw.get("hidden_size"))
    for name, tensor in stored.items():
        if name.endswith(_EMBEDDINGS) and all(isinstance(size, int) for size in wanted):
            if len(tensor.shape) == 2 and tensor.shape[1] != wanted[1]:
                _refuse([], [(name, tensor.shape, wanted)], [], where=where)  # type: ignore[list-item]
            return


def _check_adapter(folder: Path, model: Any, *, where: str) -> None:
    stored = stored_weights(folder)
    misfits = list(adapter_misfits(folder, stored, model)) if stored is not None else []
    if misfits:
        more = f" (and {len(misfits) - 1:,} more)" if len(misfits) > 1 else ""
        raise UserError(f"{where}: its adapter {misfits[0]}{more}; give the base it was trained on")


def _named(names: Sequence[str]) -> str:
    shown = ", ".join(name[:80] for name in names[:3]) + (", ..." if len(names) > 3 else "")
    return f"{len(names):,} tensor{'s' * (len(names) > 1)} ({shown})"


@contextmanager
def _silence() -> Iterator[None]:
    """Keep transformers' own report from the terminal: what matters of it, we say in one line."""
    from transformers.utils import logging

    before, bars = logging.get_verbosity(), logging.is_progress_bar_enabled()
    logging.set_verbosity(logging.CRITICAL)
    logging.disable_progress_bar()
    try:
        yield
    finally:
        logging.set_verbosity(before)
        if bars:
            logging.enable_progress_bar()
