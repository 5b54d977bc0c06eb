"""What tensors the weight files of a checkpoint hold, read without their values."""

import warnings
from collections.abc import Mapping
from pathlib import Path

from sfr_eval.errors import UserError
from sfr_eval.models.fingerprint import read_json_object, weight_files
from sfr_eval.models.safetensors_file import StoredTensor, read_header
from sfr_eval.util.untrusted import open_plain

_PICKLES = (".bin", ".pt")
_INDEX = "model.safetensors.index.json"
_TYPES = {"float64": "F64", "float32": "F32", "bfloat16": "BF16", "float16": "F16"}


def stored_weights(folder: Path) -> Mapping[str, StoredTensor] | None:
    """Return the tensors that engines read from a folder by name; None for a format whose shapes
    are not read here. Raises UserError for files that are damaged or no plain weights."""
    files = weight_files(folder)
    if not files or files[0].suffix not in (".safetensors", *_PICKLES):
        return None
    if files[0].suffix in _PICKLES:
        return {name: tensor for file in files for name, tensor in _unpickled(file).items()}
    if (folder / _INDEX).is_file():
        named = set(read_json_object(folder / _INDEX).get("weight_map", {}).values())
        files = [file for file in files if file.name in named] or files
    elif (folder / "model.safetensors").is_file():
        files = [folder / "model.safetensors"]
    return {name: tensor for file in files for name, tensor in read_header(file).items()}


def _unpickled(file: Path) -> Mapping[str, StoredTensor]:
    """Return the tensors of a pickled file. PyTorch reads it without running code in it, and
    without memory for values."""
    import torch

    try:
        open_plain(file).close()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # about protocols of pickle
            try:
                content = torch.load(file, map_location="meta", weights_only=True, mmap=True)
            except RuntimeError:  # of the older format, which cannot be mapped
                content = torch.load(file, map_location="meta", weights_only=True)
    except UserError:
        raise
    except Exception as error:  # noqa: BLE001 (a damaged pickle fails in whatever it would build)
        if type(error).__name__ == "UnpicklingError":  # of the module that nothing here imports
            raise UserError(
                f"{file}: is a pickle that holds more than weights, and may run code; do not load "
                "it: ask for safetensors"
            ) from None
        raise UserError(f"{file}: is not a file of weights, or damaged; copy it again") from None
    if not isinstance(content, Mapping):
        raise UserError(f"{file}: holds no table of tensors; save the weights as safetensors")
    return {
        str(name): StoredTensor(
            _TYPES.get(str(value.dtype).removeprefix("torch."), str(value.dtype)),
            tuple(value.shape),
        )
        for name, value in content.items()
        if isinstance(value, torch.Tensor)
    }
