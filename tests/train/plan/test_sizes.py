"""Sizes of a model from its configuration alone."""

from sfr_train.job import TrainingJob
from sfr_train.plan.memory import Setting, memory
from sfr_train.plan.sizes import model_sizes

QWEN3_32B = {
    "hidden_size": 5120,
    "num_hidden_layers": 64,
    "intermediate_size": 25600,
    "num_attention_heads": 64,
    "num_key_value_heads": 8,
    "head_dim": 128,
    "vocab_size": 151936,
    "tie_word_embeddings": False,
}


def test_an_adapter_trains_its_own_parameters_only() -> None:
    from transformers import Qwen3Config

    job = TrainingJob.model_validate(
        {"name": "x", "model": "m", "data": {"file": "f"}, "objective": "ce", "lora": {"r": 16}}
    )
    sizes = model_sizes(Qwen3Config(**QWEN3_32B), job)
    assert sizes.root == 2 * 151936 * 5120 + 5120
    assert sizes.attention == (64 + 2 * 8) * 128
    # 16 (in + out) of q, k, v, o, gate, up and down in each of 64 layers
    each = (5120 + 8192) + 2 * (5120 + 1024) + (8192 + 5120) + 3 * (5120 + 25600)
    assert sizes.adapter == 16 * 64 * each
    setting = Setting(gpus=1, tokens=4096, supervised=400, weights=2, adapter=True)
    parts = {part.name: part.size for part in memory(sizes, setting, layout="one")}
    assert parts["weights"] == 2 * sizes.parameters + 4 * sizes.adapter
    assert parts["optimizer"] == 8 * sizes.adapter
    four = Setting(gpus=1, tokens=4096, supervised=400, adapter=True, four_bits=True)
    parts = {part.name: part.size for part in memory(sizes, four, layout="one")}
    # half a byte and the scales of 31.2e9 values, four bytes of the 1.56e9 others and the adapter
    assert 22e9 < parts["weights"] < 24e9
