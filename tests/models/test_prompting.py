"""pytest tests/models/test_prompting.py"""

import re
from pathlib import Path
from typing import Any

import pytest
from tokenizers import Tokenizer
from tokenizers.models import WordLevel
from tokenizers.pre_tokenizers import WhitespaceSplit
from tokenizers.processors import TemplateProcessing
from transformers import AutoTokenizer, PreTrainedTokenizerFast

from sfr_eval.errors import UserError
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
WITH_BOS = "{{ bos_token }} " + PLAIN
RAISES = (
    "{% if messages[0]['role'] == 'system' %}"
    "{{ raise_exception('System role not supported') }}{% endif %}" + PLAIN
)
DROPS = PLAIN.replace("{% for m in messages %}", "{% for m in messages if m.role != 'system' %}")


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


def test_a_prompt_ends_where_the_assistant_begins() -> None:
    assert words(Prompter(tokenizer(PLAIN), name="m"), PIRATE) == (
        "system : You are a pirate . user : Tea or coffee ? assistant :"
    )


def test_the_real_chatml_tokenizer_gives_what_it_was_trained_on(tiny_checkpoint: Path) -> None:
    prompter = Prompter(AutoTokenizer.from_pretrained(tiny_checkpoint), name="m")
    ids = prompter.token_ids(PIRATE)
    text = prompter.tokenizer.decode(ids)
    assert text == (
        "<|im_start|>system\nYou are a pirate .<|im_end|>\n"
        "<|im_start|>user\nTea or coffee ?<|im_end|>\n<|im_start|>assistant\n"
    )
    start = prompter.tokenizer.convert_tokens_to_ids("<|im_start|>")
    assert ids.count(start) == 3  # each marker is one id, not the characters it is written with


def test_a_template_that_refuses_a_system_message_is_an_error() -> None:
    """Row 24: lm-eval drops the message and goes on."""
    with pytest.raises(UserError, match=r"refuses the messages \(System role not supported\)"):
        Prompter(tokenizer(RAISES), name="m").token_ids(PIRATE)


def test_a_template_that_drops_the_system_message_is_an_error() -> None:
    with pytest.raises(UserError, match="drops the system message, so all personas would be one"):
        Prompter(tokenizer(DROPS), name="m").token_ids(PIRATE)


def test_a_template_that_drops_the_question_is_an_error() -> None:
    template = PLAIN.replace("in messages %}", "in messages if m.role != 'user' %}")
    with pytest.raises(UserError, match="drops the user message"):
        Prompter(tokenizer(template), name="m").token_ids(PIRATE)


@pytest.mark.parametrize("template", [RAISES, DROPS, PLAIN])
def test_merging_puts_the_persona_into_the_user_s_turn(template: str) -> None:
    prompter = Prompter(tokenizer(template), name="m", system_role="merge")
    assert words(prompter, PIRATE) == "user : You are a pirate . Tea or coffee ? assistant :"
    assert prompter.token_ids(PIRATE) != prompter.token_ids(BUTLER)


def test_merging_leaves_a_prompt_without_a_system_message_alone() -> None:
    prompter = Prompter(tokenizer(RAISES), name="m", system_role="merge")
    assert words(prompter, PIRATE[1:]) == "user : Tea or coffee ? assistant :"


@pytest.mark.parametrize(
    ("template", "adds_bos", "count"),
    [
        (PLAIN, False, 0),  # a model without BOS, such as Qwen
        (PLAIN, True, 1),  # row 27: missing in the template, wanted by the tokenizer
        (WITH_BOS, False, 1),
        (WITH_BOS, True, 1),  # row 26: once from each would be two
    ],
)
def test_there_is_exactly_the_bos_that_the_tokenizer_wants(
    template: str, adds_bos: bool, count: int
) -> None:
    prompter = Prompter(tokenizer(template, adds_bos=adds_bos), name="m")
    assert words(prompter, PIRATE).split().count("<s>") == count
    assert words(prompter, PIRATE).startswith("<s> system" if count else "system")


@pytest.mark.parametrize("adds_bos", [False, True])
def test_a_template_that_writes_bos_twice_is_refused(adds_bos: bool) -> None:
    made = tokenizer("{{ bos_token }} " + WITH_BOS, adds_bos=adds_bos)
    with pytest.raises(UserError, match="writes the BOS token twice"):
        Prompter(made, name="m").token_ids(PIRATE)


@pytest.mark.parametrize("template", [None, ""])
def test_no_template_is_an_error(template: str | None) -> None:
    with pytest.raises(UserError, match=r"no chat template, .* give --chat-template FILE"):
        Prompter(tokenizer(template), name="m")


def test_a_template_from_a_file_replaces_the_tokenizer_s_own(tmp_path: Path) -> None:
    file = tmp_path / "template.jinja"
    file.write_text(PLAIN)
    for own in (None, RAISES):
        prompter = Prompter(tokenizer(own), name="m", chat_template=file)
        assert words(prompter, PIRATE).startswith("system : You are a pirate .")
    assert prompter.template_hash == Prompter(tokenizer(PLAIN), name="m").template_hash
    assert prompter.template_hash != Prompter(tokenizer(RAISES), name="m").template_hash


def test_a_template_file_that_cannot_be_used_is_one_line(tmp_path: Path) -> None:
    file = tmp_path / "template.jinja"
    with pytest.raises(UserError, match=r"--chat-template .*: cannot be read \(No such file"):
        Prompter(tokenizer(PLAIN), name="m", chat_template=file)
    file.write_bytes(b"\xff\xfe")
    with pytest.raises(UserError, match=r"is not UTF-8 text \(byte 0\)"):
        Prompter(tokenizer(PLAIN), name="m", chat_template=file)
    for broken in ("{% for m in messages %}", "{{ messages[0].content + 1 }}", "{{ x.y.z }}"):
        file.write_text(broken)
        with pytest.raises(UserError, match="chat template refuses the messages") as caught:
            Prompter(tokenizer(PLAIN), name="m", chat_template=file).token_ids(PIRATE)
        assert "\n" not in str(caught.value)
