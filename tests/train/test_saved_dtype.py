"""Weights stored in another dtype."""

import json
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file
from sfr_train.saved_dtype import cast_weights


def test_every_shard_is_cast_and_the_head_is_not(checkpoint: Path) -> None:
    from transformers import AutoModelForCausalLM

    model = AutoModelForCausalLM.from_pretrained(checkpoint)
    (checkpoint / "model.safetensors").unlink()
    model.save_pretrained(checkpoint, max_shard_size="100KB")
    save_file({"w": torch.ones(2)}, checkpoint / "sfr_head.safetensors")
    shards = sorted(checkpoint.glob("model-*.safetensors"))
    assert len(shards) > 1
    cast_weights(checkpoint, "bfloat16")
    tensors = {name: t for shard in shards for name, t in load_file(shard).items()}
    assert {t.dtype for t in tensors.values()} == {torch.bfloat16}
    assert load_file(checkpoint / "sfr_head.safetensors")["w"].dtype == torch.float32
    index = json.loads((checkpoint / "model.safetensors.index.json").read_text())
    assert index["metadata"]["total_size"] == sum(t.nbytes for t in tensors.values())
    again = AutoModelForCausalLM.from_pretrained(checkpoint, dtype="auto")
    assert again.dtype == torch.bfloat16
    for name, value in model.state_dict().items():
        assert torch.equal(again.state_dict()[name], value.bfloat16())
