"""pytest tests/models/test_loading.py"""

from pathlib import Path

import pytest
from transformers import AutoTokenizer

from sfr_eval.errors import UserError
from sfr_eval.models.checkpoint import resolve
from sfr_eval.models.loading import load_tokenizer


def test_an_adapter_without_a_tokenizer_takes_its_base_s(
    tiny_checkpoint: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "lora"
    folder.mkdir()
    config = f'{{"base_model_name_or_path": "{tiny_checkpoint}"}}'
    (folder / "adapter_config.json").write_text(config)
    weights = (tiny_checkpoint / "model.safetensors").read_bytes()
    (folder / "adapter_model.safetensors").write_bytes(weights)
    found = load_tokenizer(resolve(str(folder)), trust_remote_code=False)
    assert found.chat_template == AutoTokenizer.from_pretrained(tiny_checkpoint).chat_template


def test_a_folder_without_tokenizer_is_one_plain_line(bare: Path) -> None:
    with pytest.raises(UserError, match=r"no tokenizer in .*; copy tokenizer.json") as caught:
        load_tokenizer(resolve(str(bare)), trust_remote_code=False)
    assert "from one of" not in str(caught.value)


@pytest.mark.parametrize("content", ["{}", "[]", "\x00", '{"model": {"type": "BPE", "vocab": 3}}'])
def test_a_damaged_tokenizer_is_one_line(bare: Path, content: str) -> None:
    (bare / "tokenizer.json").write_text(content)
    with pytest.raises(UserError, match="its tokenizer cannot be read") as caught:
        load_tokenizer(resolve(str(bare)), trust_remote_code=False)
    assert "\n" not in str(caught.value)
