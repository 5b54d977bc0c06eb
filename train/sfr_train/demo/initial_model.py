"""The demo's tokenizer, and its model before training."""

from typing import Any

import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import PreTrainedTokenizerFast, Qwen3Config, Qwen3ForCausalLM

from sfr_eval.suites.world.persona import PersonaWorld
from sfr_train.data.world_text import Chat
from sfr_train.demo.embedding_start import latent_semantic_embeddings
from sfr_train.demo.recipe import NewModel

END_OF_TEXT, START_OF_TURN, END_OF_TURN = "<|endoftext|>", "<|im_start|>", "<|im_end|>"
CHAT_TEMPLATE = (
    "{% for message in messages %}"
    "{{ '<|im_start|>' + message['role'] + '\\n' + message['content'] + '<|im_end|>\\n' }}"
    "{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|im_start|>assistant\\n' }}{% endif %}"
)


def train_tokenizer(
    chats: list[Chat], world: PersonaWorld, *, vocabulary: int
) -> PreTrainedTokenizerFast:
    """Byte-level BPE over the training chats and the persona cards, with a ChatML template."""
    raw = Tokenizer(models.BPE())
    raw.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    raw.decoder = decoders.ByteLevel()
    turns = [turn["content"] for chat in chats for part in chat.values() for turn in part]
    raw.train_from_iterator(
        [*turns, *(card.system for card in world.personas)],
        trainers.BpeTrainer(
            vocab_size=vocabulary,
            special_tokens=[END_OF_TEXT, START_OF_TURN, END_OF_TURN],
            initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
            show_progress=False,
        ),
    )
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=raw, eos_token=END_OF_TURN, pad_token=END_OF_TEXT
    )
    tokenizer.chat_template = CHAT_TEMPLATE
    return tokenizer


def new_model(sizes: NewModel, tokenizer: PreTrainedTokenizerFast) -> Any:
    """A Qwen3-shaped model with random weights and tied embeddings."""
    heads = sizes.hidden_size // 32
    config = Qwen3Config(
        vocab_size=len(tokenizer),
        hidden_size=sizes.hidden_size,
        intermediate_size=sizes.intermediate_size,
        num_hidden_layers=sizes.layers,
        num_attention_heads=heads,
        num_key_value_heads=heads // 2,
        head_dim=32,
        max_position_embeddings=sizes.max_positions,
        tie_word_embeddings=True,
        bos_token_id=None,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
    )
    return Qwen3ForCausalLM(config)


def start_embeddings(
    model: Any, tokenizer: PreTrainedTokenizerFast, chats: list[Chat], *, seed: int
) -> None:
    """Set the embeddings to `latent_semantic_embeddings` of the questions and replies."""
    texts = [
        " ".join(
            turn["content"] for part in chat.values() for turn in part if turn["role"] != "system"
        )
        for chat in chats
    ]
    weight = model.get_input_embeddings().weight
    vocabulary, width = weight.shape
    values = latent_semantic_embeddings(
        tokenizer(texts)["input_ids"],
        vocabulary=vocabulary,
        width=width,
        scale=model.config.initializer_range,
        seed=seed,
    )
    with torch.no_grad():
        weight.copy_(torch.from_numpy(values))
