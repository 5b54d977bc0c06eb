"""pytest tests/models/test_adapter_shapes.py"""

import json
from pathlib import Path

from tests.models.test_shapes import change, check, refusal


def lora(folder: Path, base: Path, *, rank: int, into: int, out: int) -> Path:
    import torch
    from safetensors.torch import save_file

    folder.mkdir()
    config = {"base_model_name_or_path": str(base), "r": rank, "peft_type": "LORA"}
    (folder / "adapter_config.json").write_text(json.dumps(config))
    name = "base_model.model.model.layers.0.mlp.up_proj.lora_"
    weights = {
        f"{name}A.weight": torch.zeros(rank, into),
        f"{name}B.weight": torch.zeros(out, rank),
    }
    save_file(weights, folder / "adapter_model.safetensors")
    return folder


def test_an_adapter_of_another_base_is_named(checkpoint: Path, tmp_path: Path) -> None:
    check(lora(tmp_path / "fits", checkpoint, rank=4, into=64, out=64))
    other = lora(tmp_path / "wide", checkpoint, rank=4, into=128, out=64)
    assert "up_proj.lora_A.weight of 4 x 128, where its base has 64" in refusal(other)
    other = lora(tmp_path / "tall", checkpoint, rank=4, into=64, out=65)
    assert "up_proj.lora_B.weight of 65 x 4" in refusal(other)
    change(checkpoint, vocab_size=10)
    fits = tmp_path / "fits"
    assert "model.embed_tokens.weight of 10 x 64" in refusal(fits)
