"""Memory by parts: the 32B recipe by hand, and a real model's bytes."""

from typing import Any

import pytest
import torch
from sfr_train.job import TrainingJob
from sfr_train.plan.memory import Setting, memory, total
from sfr_train.plan.sizes import ModelSizes, model_sizes

from tests.support.training import tiny_model

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


def job(**values: Any) -> TrainingJob:
    base = {"name": "x", "model": "m", "data": {"file": "f"}, "objective": "ce"}
    return TrainingJob.model_validate({**base, **values})


@pytest.fixture(scope="module")
def qwen() -> ModelSizes:
    from transformers import Qwen3Config

    return model_sizes(Qwen3Config(**QWEN3_32B), job())


def gigabytes(sizes: ModelSizes, setting: Setting, layout: Any) -> dict[str, float]:
    return {part.name: part.size / 1e9 for part in memory(sizes, setting, layout=layout)}


def test_the_32b_model_on_eight_gpus_by_hand(qwen: ModelSizes) -> None:
    """float32 weights, gradients and moments: 16 bytes of 32.76e9 parameters over 8 GPUs; the root
    unit is two matrices of 151,936 x 5,120 with gradients in bfloat16; checkpoints of 2 rows."""
    assert qwen.parameters == 32_762_123_264
    assert qwen.layers == 64
    parts = gigabytes(qwen, Setting(gpus=8, tokens=4096, supervised=400), "fsdp2")
    states = parts["weights"] + parts["gradients"] + parts["optimizer"]
    assert states == pytest.approx(65.5, abs=0.05)
    assert parts["root unit gathered"] == pytest.approx(6.2, abs=0.05)
    assert parts["checkpoints between layers"] == pytest.approx(2.7, abs=0.05)
    assert parts["layers gathered"] == pytest.approx(2.9, abs=0.05)
    assert 78 < sum(parts.values()) < 85


def test_accumulation_keeps_whole_gradients(qwen: ModelSizes) -> None:
    """2 bytes of each parameter on every GPU, unless they are reduced in each micro-batch."""
    setting = Setting(gpus=8, tokens=4096, supervised=400, whole_gradients=True)
    assert gigabytes(qwen, setting, "fsdp2")["unreduced gradients"] == pytest.approx(65.5, abs=0.05)
    assert "unreduced gradients" not in gigabytes(qwen, setting, "ddp")


def test_half_precision_halves_what_is_held(qwen: ModelSizes) -> None:
    full = gigabytes(qwen, Setting(gpus=8, tokens=4096, supervised=400), "fsdp2")
    half = gigabytes(qwen, Setting(gpus=8, tokens=4096, supervised=400, weights=2), "fsdp2")
    for name in ("weights", "gradients", "optimizer"):
        assert half[name] == pytest.approx(full[name] / 2)


def test_more_gpus_never_need_more_each(qwen: ModelSizes) -> None:
    needs = [
        total(memory(qwen, Setting(gpus=n, tokens=4096, supervised=400), layout="fsdp2"))
        for n in (1, 2, 8, 64)
    ]
    assert needs == sorted(needs, reverse=True)


def test_the_parts_of_a_real_training_are_exact(tokenizer: Any, tmp_path: Any) -> None:
    """Bytes of all parameters, gradients and AdamW's moments after a step, head included."""
    from sfr_train.objectives.base import Sizes
    from sfr_train.objectives.sfr import Settings, build

    model = tiny_model(tokenizer)
    objective = {"name": "sfr", "width": 32}
    sizes = model_sizes(model.config, job(objective=objective), target=16)
    head = build(Settings(width=32), Sizes(64, model.config.vocab_size, target=16)).future.head
    optimizer = torch.optim.AdamW([*model.parameters(), *head.parameters()])
    for parameter in (*model.parameters(), *head.parameters()):
        parameter.grad = torch.ones_like(parameter)
    optimizer.step()
    parts = {
        p.name: p.size for p in memory(sizes, Setting(gpus=1, tokens=1, supervised=1), layout="one")
    }

    def size(tensors: Any) -> int:
        return sum(t.nbytes for t in tensors if t.ndim)

    assert parts["weights"] == size(model.parameters())
    assert parts["gradients"] == size(p.grad for p in model.parameters())
    moments = [t for p in model.parameters() for t in optimizer.state[p].values()]
    assert parts["optimizer"] == size(moments)
    of_head = [t for p in head.parameters() for t in (p, p.grad, *optimizer.state[p].values())]
    assert parts["head, its gradients and optimizer"] == size(of_head)
