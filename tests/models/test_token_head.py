"""pytest tests/models/test_token_head.py

The oracle is the model's own forward pass, which returns all logits at once.
"""

import math
from typing import Any

import numpy as np
import pytest
import torch
import transformers
from transformers import AutoModelForCausalLM

from sfr_eval.models import token_head
from sfr_eval.models.forward_pass import token_statistics
from sfr_eval.models.token_head import TokenHead

V = 97
SMALL = {
    "vocab_size": V,
    "hidden_size": 16,
    "intermediate_size": 24,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "num_key_value_heads": 1,
    "head_dim": 8,
    "max_position_embeddings": 64,
}
CONFIGS: dict[str, Any] = {
    "llama, untied": lambda: transformers.LlamaConfig(**SMALL, tie_word_embeddings=False),
    "llama, tied": lambda: transformers.LlamaConfig(**SMALL, tie_word_embeddings=True),
    "gemma 2, soft cap": lambda: transformers.Gemma2Config(
        **SMALL, final_logit_softcapping=3.0, sliding_window=4
    ),
    "gemma 3": lambda: transformers.Gemma3TextConfig(
        **SMALL, final_logit_softcapping=3.0, sliding_window=4
    ),
    "cohere, scale": lambda: transformers.CohereConfig(**SMALL, logit_scale=7.0),
    "granite, divisor": lambda: transformers.GraniteConfig(**SMALL, logits_scaling=0.1),
    "qwen 3, mixture of experts": lambda: transformers.Qwen3MoeConfig(
        **SMALL,
        num_experts=4,
        num_experts_per_tok=2,
        moe_intermediate_size=8,
        output_router_logits=True,
    ),
    "gpt 2": lambda: transformers.GPT2Config(
        vocab_size=V, n_embd=16, n_layer=2, n_head=2, n_positions=64
    ),
    "opt, decoder inside the base": lambda: transformers.OPTConfig(
        vocab_size=V,
        hidden_size=16,
        word_embed_proj_dim=16,
        ffn_dim=24,
        num_hidden_layers=2,
        num_attention_heads=2,
    ),
}
IDS = torch.tensor([[5, 9, 2, 50, 11, 96, 3], [1, 1, 60, 4, 33, 20, 8]])


def model_of(name: str) -> Any:
    transformers.set_seed(0)
    model = AutoModelForCausalLM.from_config(CONFIGS[name](), dtype=torch.float32).eval()
    with torch.no_grad():
        for weight in model.parameters():
            weight.mul_(5)  # peaked distributions
    return model


def statistics(head: TokenHead, states: torch.Tensor, drawn: torch.Tensor) -> np.ndarray:
    parts = list(head.logits(states, vocabulary=V))
    assert len(parts) == math.ceil(len(states) / 3)
    return np.stack(token_statistics(torch.cat(parts), drawn))


@pytest.mark.parametrize("name", CONFIGS)
def test_parts_equal_the_whole_forward_pass(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(token_head.LOGITS, "cpu", 3 * V)
    model = model_of(name)
    with torch.inference_mode():
        whole = model(IDS, output_hidden_states=True)
    head = TokenHead(model, device="cpu")
    assert head.in_parts
    output = head.run(IDS, output_hidden_states=True, use_cache=False)
    assert output.hidden_states is not None
    for ours, own in zip(output.hidden_states, whole.hidden_states, strict=True):
        assert torch.equal(ours, own)
    found = statistics(head, output.last[:, :-1].flatten(0, 1), IDS[:, 1:].flatten())
    expected = np.stack(token_statistics(whole.logits[:, :-1].flatten(0, 1), IDS[:, 1:].flatten()))
    assert found == pytest.approx(expected, abs=1e-5)
    with torch.inference_mode():  # and the model is as it was
        assert torch.equal(model(IDS).logits, whole.logits)


def test_the_soft_cap_is_applied() -> None:
    model = model_of("gemma 2, soft cap")
    head = TokenHead(model, device="cpu")
    (logits,) = head.logits(head.run(IDS).last.flatten(0, 1), vocabulary=V)
    assert float(logits.abs().max()) <= 3 + 1e-6


def test_adapters_are_part_of_decoder_and_head(monkeypatch: pytest.MonkeyPatch) -> None:
    import peft

    monkeypatch.setitem(token_head.LOGITS, "cpu", 3 * V)
    config = peft.LoraConfig(r=2, target_modules=["q_proj", "lm_head"], init_lora_weights=False)
    model = peft.get_peft_model(model_of("llama, untied"), config).eval()
    with torch.inference_mode():
        whole = model(input_ids=IDS).logits
        plain = model.get_base_model().lm_head.base_layer.weight
    head = TokenHead(model, device="cpu")
    output = head.run(IDS)
    logits = torch.cat(list(head.logits(output.last.flatten(0, 1), vocabulary=V)))
    assert torch.allclose(logits, whole.flatten(0, 1), atol=1e-5)
    assert not torch.allclose(output.last.flatten(0, 1) @ plain.T, logits, atol=1e-3)


def test_code_of_a_checkpoint_gives_whole_logits(monkeypatch: pytest.MonkeyPatch) -> None:
    """What stands between its decoder and its logits is not known."""
    monkeypatch.setitem(token_head.LOGITS, "cpu", 3 * V)

    class Own(transformers.LlamaForCausalLM):  # type: ignore[misc]
        def forward(self, *arguments: Any, **options: Any) -> Any:
            output = super().forward(*arguments, **options)
            output.logits = output.logits * 2 + output.logits.cumsum(1)
            return output

    transformers.set_seed(0)
    model = Own(CONFIGS["llama, untied"]()).eval()
    head = TokenHead(model, device="cpu")
    assert not head.in_parts
    output = head.run(IDS)
    logits = torch.cat(list(head.logits(output.last.flatten(0, 1), vocabulary=V)))
    with torch.inference_mode():
        assert torch.equal(logits, model(IDS).logits.flatten(0, 1))


def test_no_more_logits_exist_than_asked_for() -> None:
    """By the shapes that the head sees: one position of each row, then parts."""
    model = model_of("llama, untied")
    head = TokenHead(model, device="cpu")
    shapes = []
    model.lm_head.register_forward_hook(lambda _m, _i, output: shapes.append(output.shape))
    output = head.run(IDS)
    list(head.logits(output.last.flatten(0, 1)[:5], vocabulary=token_head.LOGITS["cpu"] // 2))
    assert shapes == [(2, 1, V), (1, 2, V), (1, 2, V), (1, 1, V)]
