"""Tiny models of many architectures with random weights, for tests of what an engine can serve."""

import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

COMMON = {"hidden_size": 64, "num_hidden_layers": 2, "num_attention_heads": 2}
LLAMA = {**COMMON, "intermediate_size": 64, "num_key_value_heads": 2}
GPT2 = {"n_embd": 64, "n_layer": 2, "n_head": 2, "n_positions": 512}
WINDOW = {"max_position_embeddings": 512}

CAUSAL: Mapping[str, tuple[str, dict[str, Any]]] = {
    "gpt2": ("GPT2Config", GPT2),
    "llama": ("LlamaConfig", {**LLAMA, **WINDOW}),
    "gemma3": ("Gemma3TextConfig", {**LLAMA, **WINDOW, "head_dim": 32}),
    "mistral": ("MistralConfig", {**LLAMA, **WINDOW, "sliding_window": None}),
    "qwen2": ("Qwen2Config", {**LLAMA, **WINDOW}),
    "qwen3": ("Qwen3Config", {**LLAMA, **WINDOW, "head_dim": 32}),
    "phi": ("PhiConfig", {**LLAMA, **WINDOW}),
    "phi3": ("Phi3Config", {**LLAMA, **WINDOW, "pad_token_id": 0}),
    "opt": (
        "OPTConfig",
        {**COMMON, **WINDOW, "ffn_dim": 64, "word_embed_proj_dim": 64, "pad_token_id": 0},
    ),
    "gpt_neox": ("GPTNeoXConfig", {**COMMON, **WINDOW, "intermediate_size": 64}),
    "gpt_neo": (
        "GPTNeoConfig",
        {
            "hidden_size": 64,
            "num_layers": 2,
            "num_heads": 2,
            "attention_types": [[["global"], 2]],
            **WINDOW,
        },
    ),
    "mamba": (
        "MambaConfig",
        {"hidden_size": 64, "num_hidden_layers": 2, "state_size": 4, "intermediate_size": 128},
    ),
    "small_heads": ("LlamaConfig", {**LLAMA, **WINDOW, "num_attention_heads": 8}),
}
OTHERS: Mapping[str, tuple[str, str, dict[str, Any]]] = {
    "t5": (
        "T5Config",
        "T5ForConditionalGeneration",
        {"d_model": 64, "d_kv": 32, "d_ff": 64, "num_layers": 2, "num_heads": 2},
    ),
    "bert": ("BertConfig", "BertForMaskedLM", {**COMMON, **WINDOW, "intermediate_size": 64}),
    "classifier": ("LlamaConfig", "LlamaForSequenceClassification", {**LLAMA, **WINDOW}),
    "headless": ("LlamaConfig", "LlamaModel", {**LLAMA, **WINDOW}),
}


def tiny_model(kind: str, folder: Path, *, tokenizer: Path, **changes: Any) -> Path:
    """Write a model of this kind, with the tokenizer of another folder. Returns the folder."""
    import transformers

    if kind in CAUSAL:
        config_name, fields = CAUSAL[kind]
        class_name = ""
    else:
        config_name, class_name, fields = OTHERS[kind]
    words = transformers.AutoTokenizer.from_pretrained(tokenizer)
    ids = {"bos_token_id": None, "eos_token_id": words.eos_token_id}
    config = getattr(transformers, config_name)(
        **{"vocab_size": len(words), **ids, **fields, **changes}
    )
    transformers.set_seed(0)
    build: Callable[[Any], Any] = (
        getattr(transformers, class_name)
        if class_name
        else transformers.AutoModelForCausalLM.from_config
    )
    build(config).save_pretrained(folder)
    words.save_pretrained(folder)
    return folder


def without_template(folder: Path, target: Path) -> Path:
    """Copy a checkpoint without its chat template, as base models come."""
    shutil.copytree(folder, target)
    (target / "chat_template.jinja").unlink()
    return target
