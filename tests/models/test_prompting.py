"""pytest tests/models/test_prompting.py"""

from datetime import datetime, tzinfo
from pathlib import Path
from typing import Any

import pytest
from transformers import AutoTokenizer

from sfr_eval.errors import UserError
from sfr_eval.models.prompting import Prompter, Rendering
from sfr_eval.types import Message
from tests.support.word_prompts import BUTLER, PIRATE, PLAIN, tokenizer, words

WITH_BOS = "{{ bos_token }} " + PLAIN
RAISES = (
    "{% if messages[0]['role'] == 'system' %}"
    "{{ raise_exception('System role not supported') }}{% endif %}" + PLAIN
)
DROPS = PLAIN.replace("{% for m in messages %}", "{% for m in messages if m.role != 'system' %}")


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
    prompter = Prompter(tokenizer(template), name="m", rendering=Rendering(system_role="merge"))
    assert words(prompter, PIRATE) == "user : You are a pirate . Tea or coffee ? assistant :"
    assert prompter.token_ids(PIRATE) != prompter.token_ids(BUTLER)


def test_merging_leaves_a_prompt_without_a_system_message_alone() -> None:
    prompter = Prompter(tokenizer(RAISES), name="m", rendering=Rendering(system_role="merge"))
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


@pytest.mark.parametrize("template", [None, "", {"tool_use": PLAIN}])
def test_no_template_is_an_error(template: Any) -> None:
    with pytest.raises(UserError, match=r"--prompt-format completion, or|no default; give"):
        Prompter(tokenizer(template), name="m")


def test_of_several_templates_the_default_is_used() -> None:
    prompter = Prompter(tokenizer({"tool_use": RAISES, "default": PLAIN}), name="m")
    assert words(prompter, PIRATE).startswith("system : You are a pirate .")
    assert prompter.template_hash == Prompter(tokenizer(PLAIN), name="m").template_hash


def test_a_template_that_is_given_replaces_the_tokenizer_s_own() -> None:
    for own in (None, RAISES):
        prompter = Prompter(tokenizer(own), name="m", rendering=Rendering(template=PLAIN))
        assert words(prompter, PIRATE).startswith("system : You are a pirate .")
    assert prompter.template_hash == Prompter(tokenizer(PLAIN), name="m").template_hash
    assert prompter.template_hash != Prompter(tokenizer(RAISES), name="m").template_hash


@pytest.mark.parametrize(
    "broken", ["{% for m in messages %}", "{{ messages[0].content + 1 }}", "{{ x.y.z }}"]
)
def test_a_broken_template_is_one_line(broken: str) -> None:
    prompter = Prompter(tokenizer(PLAIN), name="m", rendering=Rendering(template=broken))
    with pytest.raises(UserError, match="chat template refuses the messages") as caught:
        prompter.token_ids(PIRATE)
    assert "\n" not in str(caught.value)


# Values that a template reads

SWITCH = PLAIN.replace(
    "assistant : ", "assistant : {% if shout is defined and shout %}Tea {% endif %}"
)


def test_values_reach_the_template() -> None:
    given = Rendering(variables={"shout": True})
    assert words(Prompter(tokenizer(SWITCH), name="m"), PIRATE).endswith("assistant :")
    shouting = Prompter(tokenizer(SWITCH), name="m", rendering=given)
    assert words(shouting, PIRATE).endswith("assistant : Tea")


@pytest.mark.parametrize("name", ["tokenize", "add_generation_prompt", "messages", "truncation"])
def test_values_that_are_ours_are_refused(name: str) -> None:
    with pytest.raises(UserError, match=f"{name}: is not for templates to read"):
        Prompter(tokenizer(PLAIN), name="m", rendering=Rendering(variables={name: 1}))


# Templates that read the clock, or draw

DATED = "system : {{ strftime_now('%d') }} " + PLAIN


class Tomorrow(datetime):
    """A clock that is a day ahead."""

    @classmethod
    def now(cls, tz: tzinfo | None = None) -> "Tomorrow":
        return cls(2040, 2, 3, 4, 5, 6)


@pytest.mark.parametrize("template", [DATED, DATED.replace("%d", "%d %b %Y %H:%M:%S")])
def test_a_template_s_clock_stands_still(template: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def text(**settings: Any) -> str:
        made = Prompter(tokenizer(template), name="m", rendering=Rendering(**settings))
        return made.render(PIRATE)

    today, fixed = text(), text(date="2025-12-31")
    monkeypatch.setattr("transformers.utils.chat_template_utils.datetime", Tomorrow)
    assert today == text()
    assert today.startswith("system : 01")
    assert fixed.startswith("system : 31")


@pytest.mark.parametrize("drawn", ["{{ ['a', 'b'] | random }}", "{{ lipsum(1) }}"])
def test_a_template_that_draws_is_refused(drawn: str) -> None:
    prompter = Prompter(tokenizer(drawn + PLAIN), name="m")
    with pytest.raises(UserError, match="writes another prompt each time"):
        prompter.token_ids(PIRATE)


def test_a_tokenizer_with_a_clock_of_its_own_is_refused() -> None:
    made, count = tokenizer(PLAIN), iter(range(100))
    render = made.apply_chat_template
    made.apply_chat_template = lambda *a, **k: f"{next(count)} " + render(*a, **k)
    with pytest.raises(UserError, match="writes another prompt each time"):
        Prompter(made, name="m").token_ids(PIRATE)


# Base models

COMPLETION = Rendering(format="completion")
FEW_SHOT = (
    Message("system", "You are a butler ."),
    Message("user", "Tea ?"),
    Message("assistant", "pirate"),
    Message("user", "Tea or coffee ?"),
)


def test_a_completion_is_the_text_alone() -> None:
    for template in (None, PLAIN, RAISES):
        prompter = Prompter(tokenizer(template), name="m", rendering=COMPLETION)
        assert words(prompter, PIRATE[1:]) == "Tea or coffee ?"
        assert words(prompter, PIRATE) == "You are a pirate . Tea or coffee ?"  # the persona first
        assert prompter.template_hash == "none"
    many = Prompter(tokenizer(None), name="m", rendering=COMPLETION)
    assert words(many, FEW_SHOT) == "You are a butler . Tea ? pirate Tea or coffee ?"


def test_a_completion_begins_with_the_bos_that_the_tokenizer_wants() -> None:
    for adds_bos in (True, False):
        made = tokenizer(None, adds_bos=adds_bos)
        prompter = Prompter(made, name="m", rendering=COMPLETION)
        assert words(prompter, PIRATE[1:]).startswith("<s> Tea" if adds_bos else "Tea")


def test_thoughts_that_a_template_leaves_out_are_not_a_lost_message() -> None:
    template = PLAIN.replace("m['content']", "m['content'].split('</think>')[-1]")
    turns = (*FEW_SHOT[:2], Message("assistant", "<think>tea</think>pirate"), FEW_SHOT[3])
    assert words(Prompter(tokenizer(template), name="m"), turns).endswith("coffee ? assistant :")


def test_a_dropped_turn_of_the_assistant_is_named() -> None:
    template = PLAIN.replace("in messages %}", "in messages if m.role != 'assistant' %}")
    with pytest.raises(UserError, match="drops the assistant message, so it would not be read"):
        Prompter(tokenizer(template), name="m").token_ids(FEW_SHOT)


def test_the_hash_of_a_prompt_is_that_of_its_tokens() -> None:
    one, two = (Prompter(tokenizer(PLAIN), name=name) for name in "ab")
    assert one.prompt_hash(PIRATE) == two.prompt_hash(PIRATE) != one.prompt_hash(BUTLER)


def test_prompts_prepared_together_are_those_asked_alone() -> None:
    together, alone = (Prompter(tokenizer(PLAIN), name="m") for _ in "ab")
    together.prepare([PIRATE, BUTLER, PIRATE])
    for messages in (PIRATE, BUTLER):
        assert together.token_ids(messages) == alone.token_ids(messages)
    together.prepare([])
