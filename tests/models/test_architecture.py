"""pytest tests/models/test_architecture.py"""

import json
from pathlib import Path
from typing import Any

import pytest

from sfr_eval.errors import UserError
from sfr_eval.models.architecture import (
    check_continues_text,
    loads_in_transformers,
    window,
    window_of,
)
from sfr_eval.models.checkpoint import Checkpoint
from tests.support.tiny_models import CAUSAL, OTHERS, tiny_model


def described(folder: Path, **config: Any) -> Checkpoint:
    (folder / "config.json").write_text(json.dumps(config))
    return Checkpoint(name="m", kind="folder", fingerprint="sha256:0", folder=folder)


@pytest.mark.parametrize(
    ("config", "says"),
    [
        (
            {"architectures": ["T5ForConditionalGeneration"], "is_encoder_decoder": True},
            "T5ForConditionalGeneration is an encoder-decoder",
        ),
        ({"model_type": "bart", "is_encoder_decoder": True}, "bart is an encoder-decoder"),
        ({"architectures": ["BertForMaskedLM"]}, "BertForMaskedLM fills in masked words"),
        ({"architectures": ["RobertaForMaskedLM"]}, "fills in masked words"),
        ({"architectures": ["BertForPreTraining"]}, "fills in masked words"),
        ({"architectures": ["Qwen3ForSequenceClassification"]}, "classifies texts"),
        ({"architectures": ["BertForTokenClassification"]}, "classifies tokens"),
        ({"architectures": ["LlamaModel"]}, "LlamaModel has no head that predicts tokens"),
        ({"architectures": ["T5EncoderModel"]}, "has no head that predicts tokens"),
    ],
)
def test_what_does_not_continue_text_is_named(
    tmp_path: Path, config: dict[str, Any], says: str
) -> None:
    with pytest.raises(UserError, match=f"--model m: .*{says}") as caught:
        check_continues_text(described(tmp_path, **config))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "config",
    [
        {"architectures": ["GPT2LMHeadModel"]},
        {"architectures": ["GPT2DoubleHeadsModel"]},
        {"architectures": ["Qwen3ForCausalLM"]},
        {"architectures": ["Gemma3ForConditionalGeneration"]},  # reads pictures, too
        {"architectures": ["BertLMHeadModel"], "is_decoder": True},
        {"architectures": ["ChatModel"], "auto_map": {"AutoModelForCausalLM": "modeling.Chat"}},
        {"model_type": "llama"},
        {},
    ],
)
def test_what_may_continue_text_passes(tmp_path: Path, config: dict[str, Any]) -> None:
    check_continues_text(described(tmp_path, **config))


def test_a_model_without_files_passes() -> None:
    check_continues_text(Checkpoint(name="world", kind="world", fingerprint="world:"))


@pytest.mark.model
@pytest.mark.parametrize("kind", [*CAUSAL, *OTHERS])
def test_real_configs_are_told_apart(kind: str, tiny_checkpoint: Path, tmp_path: Path) -> None:
    folder = tiny_model(kind, tmp_path / kind, tokenizer=tiny_checkpoint)
    found = Checkpoint(name=kind, kind="folder", fingerprint="sha256:0", folder=folder)
    if kind in OTHERS:
        with pytest.raises(UserError, match="only decoders that continue text"):
            check_continues_text(found)
        return
    check_continues_text(found)
    assert loads_in_transformers(found, trust_remote_code=False)
    assert window(found, trust_remote_code=False) == (None if kind == "mamba" else 512)


@pytest.mark.parametrize(
    ("fields", "tokens"),
    [
        ({}, 1024),
        ({"rope_parameters": {"rope_type": "linear", "factor": 4.0, "rope_theta": 1e4}}, 4096),
        (
            {
                "rope_parameters": {
                    "rope_type": "llama3",
                    "factor": 8.0,
                    "rope_theta": 1e4,
                    "low_freq_factor": 1.0,
                    "high_freq_factor": 4.0,
                    "original_max_position_embeddings": 128,
                }
            },
            1024,
        ),
    ],
)
def test_a_window_counts_stretched_positions_once(fields: dict[str, Any], tokens: int) -> None:
    from transformers import LlamaConfig

    assert window_of(LlamaConfig(max_position_embeddings=1024, **fields)) == tokens
    assert window_of(None) is None


def test_an_unknown_model_type_has_no_window(tmp_path: Path) -> None:
    found = described(tmp_path, model_type="of-next-year", architectures=["NextForCausalLM"])
    assert window(found, trust_remote_code=False) is None
    assert not loads_in_transformers(found, trust_remote_code=False)
