"""Loading a base model: dtype, attention, four bits, and settings that would be ignored."""

from importlib.util import find_spec
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from sfr_train import base_weights
from sfr_train.base_weights import check_loading, load_base, weight_dtype
from sfr_train.job import TrainingJob
from sfr_train.loop.sft_config import sft_config

from sfr_eval.errors import UserError


def job(model: Any = "m", **values: Any) -> TrainingJob:
    base = {"name": "x", "model": str(model), "data": {"file": "f"}, "objective": "ce"}
    return TrainingJob.model_validate({**base, **values})


ARGUMENTS: Any = SimpleNamespace(
    bf16=True,
    fp16=False,
    chat_template_path=None,
    gradient_checkpointing=True,
    gradient_checkpointing_kwargs=None,
    device=torch.device("cpu"),
)


def test_auto_is_half_precision_only_under_an_adapter() -> None:
    assert weight_dtype(job(), ARGUMENTS) == torch.float32
    assert weight_dtype(job(lora={}), ARGUMENTS) == torch.bfloat16
    assert weight_dtype(job(loading={"dtype": "bfloat16"}), ARGUMENTS) == torch.bfloat16


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
@pytest.mark.parametrize("attention", ["eager", "sdpa"])
def test_dtype_and_attention_arrive(dtype: str, attention: str, checkpoint: Path) -> None:
    loading = {"dtype": dtype, "attn_implementation": attention}
    model, _ = load_base(job(checkpoint, loading=loading), str(checkpoint), arguments=ARGUMENTS)
    assert {p.dtype for p in model.parameters()} == {getattr(torch, dtype)}
    assert model.config._attn_implementation == attention


@pytest.mark.parametrize("attention", ["flash_attention_2", "nonsense"])
def test_attention_that_is_not_there_is_one_line(attention: str, checkpoint: Path) -> None:
    loading = {"attn_implementation": attention}
    with pytest.raises(UserError, match=f"with loading.attn_implementation {attention}: ") as error:
        load_base(job(checkpoint, loading=loading), str(checkpoint), arguments=ARGUMENTS)
    assert "\n" not in str(error.value)


def test_float16_weights_need_an_adapter() -> None:
    loading = {"dtype": "float16"}
    with pytest.raises(UserError, match=r"loading\.dtype: weights in float16"):
        check_loading(job(loading=loading), ARGUMENTS)
    check_loading(job(loading=loading, lora={}), ARGUMENTS)


def test_four_bits_need_bitsandbytes_and_an_adapter(monkeypatch: pytest.MonkeyPatch) -> None:
    loading = {"load_in_4bit": True}
    with pytest.raises(ValueError, match="load_in_4bit needs `lora`"):
        job(loading=loading)
    monkeypatch.setattr(base_weights, "find_spec", lambda name: None)
    with pytest.raises(UserError, match="bitsandbytes is not installed; pip install"):
        check_loading(job(loading=loading, lora={}), ARGUMENTS)


@pytest.mark.skipif(find_spec("bitsandbytes") is None, reason="pip install bitsandbytes")
def test_four_bits_are_loaded(checkpoint: Path) -> None:
    loaded = job(checkpoint, loading={"load_in_4bit": True}, lora={})
    model, _ = load_base(loaded, str(checkpoint), arguments=ARGUMENTS)
    assert model.is_loaded_in_4bit


@pytest.mark.parametrize(
    ("field", "value", "advice"),
    [
        ("model_init_kwargs", {"attn_implementation": "eager"}, "set `loading`"),
        ("output_dir", "elsewhere", "set `output`"),
        ("resume_from_checkpoint", "x", "set `resume`"),
        ("assistant_only_loss", True, "it follows from the rows"),
    ],
)
def test_a_field_without_effect_is_refused(
    field: str, value: Any, advice: str, tmp_path: Path
) -> None:
    with pytest.raises(UserError, match=rf"training\.{field}: has no effect here; .*{advice}"):
        sft_config(tmp_path, {field: value})
