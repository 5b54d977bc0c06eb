"""pytest tests/models/test_loading.py"""

from pathlib import Path

from transformers import AutoTokenizer

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
