"""Whether the tensors of a LoRA adapter fit the base model that it names."""

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from sfr_eval.models.fingerprint import read_json_object
from sfr_eval.models.safetensors_file import StoredTensor, shape_text

_LORA = re.compile(
    r"(?:base_model\.model\.)?(?P<module>.+)\.lora_(?P<part>A|B|embedding_A|embedding_B)(?:\.weight)?"
)


def adapter_misfits(folder: Path, stored: Mapping[str, StoredTensor], model: Any) -> Iterator[str]:
    """Yield what is wrong with each tensor that does not fit into a layer of the model. Layers that
    are not matrices are not judged."""
    config = read_json_object(folder / "adapter_config.json")
    rank = config.get("r")
    alike = isinstance(rank, int) and not config.get("rank_pattern")
    modules = dict(model.named_modules())
    for name, tensor in sorted(stored.items()):
        found = _LORA.fullmatch(name)
        if found is None:
            continue
        module = modules.get(found["module"])
        if module is None:
            yield f"changes {found['module']}, which its base does not have"
            continue
        sizes = _in_and_out(module)
        if sizes is None or len(tensor.shape) != 2:
            continue
        axis = 1 if found["part"].endswith("A") else 0  # A: rank x input, B: output x rank
        wanted = sizes[1 - axis]
        if tensor.shape[axis] != wanted:
            yield (
                f"holds {name} of {shape_text(tensor.shape)}, where its base has {wanted:,} in "
                f"place of {tensor.shape[axis]:,}"
            )
        elif alike and tensor.shape[1 - axis] != rank:
            yield (
                f"holds {name} of {shape_text(tensor.shape)}, but adapter_config.json says "
                f"rank {rank:,}"
            )


def _in_and_out(module: Any) -> tuple[int, int] | None:
    """Return the sizes of a layer's input and output; None for other layers."""
    kind = type(module).__name__
    if kind == "Linear":
        return int(module.in_features), int(module.out_features)
    if kind == "Conv1D":  # of GPT-2, whose matrix is transposed
        return int(module.weight.shape[0]), int(module.weight.shape[1])
    if kind == "Embedding":
        return int(module.num_embeddings), int(module.embedding_dim)
    return None
