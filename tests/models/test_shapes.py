"""pytest tests/models/test_shapes.py: is config.json the one that belongs to the weights?"""

import json
from pathlib import Path
from typing import Any

import pytest

from sfr_eval.errors import UserError
from sfr_eval.models.checkpoint import resolve
from sfr_eval.models.shapes import check_shapes
from tests.support.tiny_models import CAUSAL, tiny_model


def change(folder: Path, **fields: Any) -> None:
    file = folder / "config.json"
    file.write_text(json.dumps({**json.loads(file.read_text()), **fields}))


def check(folder: Path) -> None:
    check_shapes(resolve(str(folder)), trust_remote_code=False)


def refusal(folder: Path) -> str:
    with pytest.raises(UserError) as caught:
        check(folder)
    assert "\n" not in str(caught.value)
    return str(caught.value)


@pytest.mark.model
@pytest.mark.parametrize("kind", CAUSAL)
def test_every_kind_of_model_fits_its_own_config(
    kind: str, tiny_checkpoint: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    check(tiny_model(kind, tmp_path / kind, tokenizer=tiny_checkpoint))
    assert "note:" not in capsys.readouterr().err


@pytest.mark.parametrize(
    ("fields", "says"),
    [
        ({"intermediate_size": 100}, "mlp.down_proj.weight of 64 x 100, its files hold 64 x 64"),
        ({"hidden_size": 32}, "model.embed_tokens.weight of"),
        ({"vocab_size": 10}, "model.embed_tokens.weight of 10 x 64"),
        ({"num_attention_heads": 8}, "self_attn"),
        ({"num_hidden_layers": 1, "layer_types": None}, r"model.layers.1.*layers beyond the last"),
        ({"num_hidden_layers": 3, "layer_types": None}, r"lack \d+ tensors \(model.layers.2"),
        ({"num_hidden_layers": 10**9}, "num_hidden_layers: 1,000,000,000"),
        ({"num_hidden_layers": 1e308}, "num_hidden_layers"),
        ({"hidden_size": -64}, "config.json"),
        ({"hidden_size": "64"}, "config.json: transformers refuses it"),
        ({"hidden_act": "none-such"}, "config.json: transformers cannot build its model"),
        ({"num_attention_heads": 0, "head_dim": None}, "config.json"),
        ({"rope_parameters": [1]}, "config.json"),
    ],
    ids=str,
)
def test_a_config_of_another_size_is_named(
    checkpoint: Path, fields: dict[str, Any], says: str
) -> None:
    change(checkpoint, **fields)
    with pytest.raises(UserError, match=says):
        check(checkpoint)


def test_quantised_weights_are_compared_where_they_are_plain(checkpoint: Path) -> None:
    change(checkpoint, quantization_config={"quant_method": "gptq", "bits": 4, "group_size": 64})
    check(checkpoint)
    change(checkpoint, vocab_size=10)
    assert "model.embed_tokens.weight of 10 x 64" in refusal(checkpoint)


def test_a_tensor_without_a_place_is_named(
    checkpoint: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from safetensors.torch import load_file, save_file

    weights = load_file(checkpoint / "model.safetensors")
    extra = {**weights, "value_head.weight": weights["model.norm.weight"].clone()}
    save_file(extra, checkpoint / "model.safetensors", metadata={"format": "pt"})
    check(checkpoint)
    assert "1 tensor (value_head.weight), which the model has no place for" in (
        capsys.readouterr().err
    )
    del weights["model.norm.weight"]
    save_file(weights, checkpoint / "model.safetensors", metadata={"format": "pt"})
    assert "lack 1 tensor (model.norm.weight)" in refusal(checkpoint)


def test_a_model_of_an_unknown_type_is_checked_by_its_width(checkpoint: Path) -> None:
    change(checkpoint, model_type="of-next-year", architectures=["NextForCausalLM"])
    check(checkpoint)
    change(checkpoint, hidden_size=32)
    assert "model.embed_tokens.weight" in refusal(checkpoint)


def test_how_attention_is_computed_is_not_read_from_a_file(checkpoint: Path) -> None:
    from sfr_eval.models.loading import load_model

    change(checkpoint, _attn_implementation="flash_attention_2", _experts_implementation="eager")
    check(checkpoint)
    model = load_model(resolve(str(checkpoint)), dtype="float32", trust_remote_code=False)
    assert model.config._attn_implementation in ("sdpa", "eager")


@pytest.mark.parametrize(
    "fields",
    [
        {"_attn_implementation": "somebody/kernel"},
        {"attn_implementation": "paged|somebody/kernel:f"},
        {"_attn_implementation_internal": {"": "somebody/kernel"}},
        {"text_config": {"_experts_implementation": "somebody/kernel"}},
    ],
)
def test_a_kernel_of_the_hub_is_refused(bare: Path, fields: dict[str, Any]) -> None:
    (bare / "config.json").write_text(json.dumps(fields))
    with pytest.raises(UserError, match="may be code from the Hub"):
        resolve(str(bare))
