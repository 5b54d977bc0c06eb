"""The demo's tokenizer, and its model before training.

Token embeddings may start from co-occurrence in the text (latent semantic analysis, Deerwester et
al. 1990): tokens of one topic, in its questions and answers, start as neighbours, so that a small
model need not learn from gradients alone which answer belongs to which question. With tied
embeddings the same matrix reads and writes.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import PreTrainedTokenizerFast, Qwen3Config, Qwen3ForCausalLM

from sfr_eval.suites.world.persona import PersonaWorld
from sfr_train.data.world_text import Chat
from sfr_train.demo.recipe import NewModel

_SHARE = 0.8  # of the norm; the rest is random, or tokens with the same neighbours would be equal
_COMPONENTS = 128
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
    """Train byte-level BPE on the training chats and the persona cards; add a ChatML template."""
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
    """Build a Qwen3-shaped model with random weights and tied embeddings."""
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


def latent_semantic_embeddings(
    documents: Sequence[Sequence[int]], *, vocabulary: int, width: int, scale: float, seed: int
) -> np.ndarray:
    """Return initial values (vocabulary, width) with rows of length about `scale` * sqrt(width).

    `documents` are token ids. A token counts once per document, weighted by its inverse document
    frequency, and documents have unit length. The token side of a truncated SVD, times the square
    root of the singular values, is rotated at random into the axes of the embedding and scaled to
    rows of equal length. Tokens that never occur get random rows.
    """
    from scipy.sparse import csr_matrix, diags
    from sklearn.utils.extmath import randomized_svd

    rows = [sorted(set(document)) for document in documents]
    starts = np.cumsum([0, *map(len, rows)])
    columns = np.concatenate([np.array(row, dtype=np.int64) for row in rows])
    ones = np.ones(len(columns), dtype=np.float32)
    table = csr_matrix((ones, columns, starts), shape=(len(rows), vocabulary))
    in_documents = np.asarray(table.sum(axis=0)).ravel()
    table = table @ diags(np.log(len(rows) / (1 + in_documents)).clip(0))
    lengths = np.sqrt(np.asarray(table.multiply(table).sum(axis=1)).ravel())
    table = diags(1 / np.maximum(lengths, 1e-6)) @ table
    components = min(_COMPONENTS, width, min(table.shape) - 1)
    _, singular, right = randomized_svd(table, components, n_iter=3, random_state=seed)
    meaning = right.T * np.sqrt(singular)
    norms = np.linalg.norm(meaning, axis=1, keepdims=True)
    rng = np.random.default_rng(seed)
    axes, _ = np.linalg.qr(rng.normal(size=(width, width)))
    directions = (meaning / np.maximum(norms, 1e-8)) @ axes[:components] * np.sqrt(width)
    noise = rng.normal(size=(vocabulary, width))
    mixed = _SHARE * directions + np.sqrt(1 - _SHARE**2) * noise
    start: np.ndarray = scale * np.where(norms > 1e-8, mixed, noise)
    return start.astype(np.float32)
