"""The model before training, beside the one that is trained."""

from pathlib import Path
from typing import Any

import pytest
import torch
from sfr_train.loop.frozen_base import FrozenBase, _logits

from sfr_eval.errors import UserError
from tests.support.training import sfr_trainer, tiny_model


@pytest.mark.parametrize(
    ("field", "value"), [(None, 1.0), ("logit_scale", 0.5), ("final_logit_softcapping", 0.3)]
)
def test_logits_are_those_of_the_model(field: str | None, value: float, tokenizer: Any) -> None:
    model = tiny_model(tokenizer).eval()
    ids = torch.tensor([[5, 6, 7]])
    hidden = model.model(input_ids=ids).last_hidden_state[0]
    expected = model(input_ids=ids).logits[0]
    if field == "logit_scale":
        expected = expected * value
    if field == "final_logit_softcapping":
        expected = value * torch.tanh(expected / value)
    if field:
        setattr(model.config, field, value)
    assert torch.allclose(_logits(model, hidden), expected, atol=1e-6)


def test_an_lm_head_trained_beside_an_adapter_is_refused(
    tokenizer: Any, chats: list[Any], tmp_path: Path
) -> None:
    from peft import LoraConfig

    with pytest.raises(UserError, match="the LM head must stay as it is"):
        sfr_trainer(
            tokenizer,
            chats,
            tmp_path,
            objective="kl_to_base",
            peft_config=LoraConfig(r=2, target_modules=["q_proj"], modules_to_save=["lm_head"]),
        )


def test_the_copy_neither_trains_nor_follows_the_model(tokenizer: Any) -> None:
    from contextlib import nullcontext

    model = tiny_model(tokenizer)
    base = FrozenBase(model, copy_dtype=torch.bfloat16, autocast=nullcontext)
    states = torch.randn(3, 64)
    before = base.base_logits(states)
    with torch.no_grad():
        model.lm_head.weight.add_(1.0)
    assert torch.equal(base.base_logits(states), before)
    assert not before.requires_grad
    assert not torch.allclose(base.model_logits(states), before, atol=0.1)


def test_sharded_weights_are_refused(
    tokenizer: Any, chats: list[Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import transformers

    make = transformers.Trainer.create_accelerator_and_postprocess

    def as_with_fsdp(trainer: Any) -> None:
        make(trainer)
        trainer.is_fsdp_enabled = True

    monkeypatch.setattr(transformers.Trainer, "create_accelerator_and_postprocess", as_with_fsdp)
    with pytest.raises(UserError, match="kl_to_base: not possible with sharded weights"):
        sfr_trainer(tokenizer, chats, tmp_path, objective="kl_to_base")
