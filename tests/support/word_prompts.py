"""Chat templates, and a tokenizer of words to read what they write."""

import re
from typing import Any

from tokenizers import Tokenizer
from tokenizers.models import WordLevel
from tokenizers.pre_tokenizers import WhitespaceSplit
from tokenizers.processors import TemplateProcessing
from transformers import PreTrainedTokenizerFast

from sfr_eval.models.prompting import Prompter
from sfr_eval.types import Message

PIRATE, BUTLER = (
    (Message("system", f"You are a {who} ."), Message("user", "Tea or coffee ?"))
    for who in ("pirate", "butler")
)
WORDS = re.findall(
    r"\S+",
    "<s> </s> <unk> system user assistant : You are a pirate butler . Tea or coffee ?",
)
PLAIN = (
    "{% for m in messages %}{{ m['role'] }} : {{ m['content'] }} {% endfor %}"
    "{% if add_generation_prompt %}assistant : {% endif %}"
)


def tokenizer(template: str | None, *, adds_bos: bool = False) -> Any:
    """Words are tokens, so that every id can be read."""
    raw = Tokenizer(WordLevel({word: i for i, word in enumerate(WORDS)}, unk_token="<unk>"))
    raw.pre_tokenizer = WhitespaceSplit()
    if adds_bos:
        raw.post_processor = TemplateProcessing(single="<s> $A", special_tokens=[("<s>", 0)])
    made = PreTrainedTokenizerFast(
        tokenizer_object=raw, bos_token="<s>", eos_token="</s>", unk_token="<unk>"
    )
    made.chat_template = template
    return made


def words(prompter: Prompter, messages: tuple[Message, ...]) -> str:
    return " ".join(prompter.tokenizer.convert_ids_to_tokens(prompter.token_ids(messages)))
