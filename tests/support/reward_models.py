"""Tiny reward models with random weights: a chat model of two layers, and a BERT of pairs."""

from pathlib import Path

from sfr_eval.types import Message

CHAT = (Message("system", "You are a baker."), Message("user", "Where do I begin?"))
PAIR = (Message("user", "Where do I begin?"),)
WORDS = ("where", "do", "i", "begin", "feed", "the", "starter", "every", "day", "you", "are", "a")


def chat_reward_model(checkpoint: Path, folder: Path, *, labels: int = 1) -> Path:
    """A Qwen3 classifier with the tokenizer and chat template of a checkpoint."""
    import transformers

    transformers.set_seed(1)
    config = transformers.AutoConfig.from_pretrained(checkpoint, num_labels=labels)
    model = transformers.AutoModelForSequenceClassification.from_config(config)
    model.save_pretrained(folder)
    transformers.AutoTokenizer.from_pretrained(checkpoint).save_pretrained(folder)
    return folder


def pair_reward_model(folder: Path, labels: dict[int, str], *, window: int = 40) -> Path:
    """A BERT classifier with a vocabulary of twelve words and no chat template."""
    import transformers

    folder.mkdir()
    special = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")
    (folder / "vocab.txt").write_text("\n".join((*special, *WORDS, ".", "?")), encoding="utf-8")
    tokenizer = transformers.BertTokenizerFast(
        vocab=str(folder / "vocab.txt"), model_max_length=window
    )
    tokenizer.save_pretrained(folder)
    transformers.set_seed(2)
    config = transformers.BertConfig(
        vocab_size=19,
        hidden_size=16,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=32,
        max_position_embeddings=window,
        id2label=labels,
        label2id={name: number for number, name in labels.items()},
        initializer_range=0.5,
    )
    transformers.BertForSequenceClassification(config).save_pretrained(folder)
    return folder
