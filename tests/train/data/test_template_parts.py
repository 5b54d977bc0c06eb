"""What a chat template leaves out, real templates say: Qwen3's reads reasoning, Qwen2.5's does
not."""

from typing import Any

import pytest
from sfr_train.data.template_parts import check_template

from sfr_eval.errors import UserError
from tests.train.data.test_tokens import with_template

TOOLS = ("tools", "tool", "tool_calls")


def check(tokenizer: Any, *parts: str, options: tuple[str, ...] = ()) -> None:
    check_template(tokenizer, parts=dict.fromkeys(parts, "a.jsonl:3"), options=options, name="base")


def test_templates_are_asked_for_each_part(tokenizer: Any) -> None:
    check(with_template(tokenizer, "qwen3"), "reasoning_content", "name", "tool_call_id", *TOOLS)
    check(with_template(tokenizer, "qwen2_5"), *TOOLS)
    check(with_template(tokenizer, "gptoss"), "thinking")
    for template, part in (("qwen2_5", "reasoning_content"), ("qwen3", "thinking")):
        message = f"a.jsonl:3: has {part}, which the chat template of model base leaves out; take"
        with pytest.raises(UserError, match=message):
            check(with_template(tokenizer, template), part)
    for part in TOOLS:
        with pytest.raises(UserError, match=f"has {part}, which"):
            check(with_template(tokenizer, "gemma"), part)


def test_an_option_that_the_template_does_not_read_is_refused(tokenizer: Any) -> None:
    qwen3 = with_template(tokenizer, "qwen3")
    check(qwen3, options=("enable_thinking",))
    with pytest.raises(UserError, match=r"enable_thinkng: .* did you mean `enable_thinking`"):
        check(qwen3, options=("enable_thinkng",))
    check(qwen3, "chat_template_kwargs.enable_thinking")
    message = r"a.jsonl:3: chat_template_kwargs: depth: the chat template of model base has no such"
    with pytest.raises(UserError, match=message):
        check(qwen3, "chat_template_kwargs.depth")
