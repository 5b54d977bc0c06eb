"""The dtype of saved weights: that of training, or another, chosen by `save_dtype`."""

import json
from pathlib import Path

from sfr_eval.util.files import atomic_path, write_atomic

_HEAD_FILE = "sfr_head.safetensors"


def cast_weights(folder: Path, dtype: str) -> None:
    """Store the floating-point tensors of a saved model in `dtype`, one file at a time, and name
    the dtype in config.json, which servers read."""
    import torch
    from safetensors import safe_open
    from safetensors.torch import save_file

    target = getattr(torch, dtype)
    total = 0
    for file in sorted(folder.glob("*.safetensors")):
        if file.name == _HEAD_FILE:
            continue
        with safe_open(file, framework="pt") as stored:
            metadata = stored.metadata()
            tensors = {name: stored.get_tensor(name) for name in stored.keys()}  # noqa: SIM118
        tensors = {
            name: tensor.to(target) if tensor.is_floating_point() else tensor
            for name, tensor in tensors.items()
        }
        total += sum(tensor.nbytes for tensor in tensors.values())
        with atomic_path(file) as part:
            save_file(tensors, part, metadata=metadata)
    index = folder / "model.safetensors.index.json"
    if index.is_file():
        content = json.loads(index.read_text(encoding="utf-8"))
        content.setdefault("metadata", {})["total_size"] = total
        write_atomic(index, json.dumps(content, indent=2, sort_keys=True) + "\n")
    config = folder / "config.json"
    if config.is_file():
        content = json.loads(config.read_text(encoding="utf-8"))
        content["dtype"] = dtype
        content.pop("torch_dtype", None)
        write_atomic(config, json.dumps(content, indent=2, sort_keys=True) + "\n")
