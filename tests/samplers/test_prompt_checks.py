"""pytest tests/samplers/test_prompt_checks.py: what is said before anything is drawn."""

import json
from pathlib import Path
from typing import Any

import pytest

from sfr_eval.config import load_run_config
from sfr_eval.errors import UserError
from sfr_eval.plan import Plan, make_plan
from sfr_eval.samplers.prompt_checks import prompt_warnings
from sfr_eval.samplers.subject import Subject, resolve_subject, with_prompt_format
from sfr_eval.suites.suite import load_suite

TURNS = "{% for m in messages %}<|im_start|>{{ m.role }}\n{{ m.content }}<|im_end|>\n{% endfor %}"
BEGIN = "{% if add_generation_prompt %}<|im_start|>assistant\n"
HYBRID = (  # as Qwen3's: it thinks unless it is told not to
    TURNS + BEGIN + "{% if enable_thinking is defined and enable_thinking is false %}"
    "<think>\n\n</think>\n\n{% endif %}{% endif %}"
)
ALWAYS = TURNS + BEGIN + "<think>\n{% endif %}"  # as DeepSeek-R1's
SILENT = (  # as DeepSeek-V3.1's: it thinks only if it is told to
    TURNS + BEGIN + "{% if thinking %}<think>{% else %}</think>{% endif %}{% endif %}"
)


def planned(folder: Path, *, limit: int = 1, **settings: Any) -> tuple[Subject, Plan]:
    given = {"model": str(folder), "suite": "persona", "engine": "transformers", "limit": limit}
    config = load_run_config({**given, "samples": 1, **settings}, environment={})
    suites = [load_suite("persona", personas=("pirate",))]
    config = with_prompt_format(config, suites)
    subject = resolve_subject(config, suites)
    plan = make_plan(
        suites,
        subject=subject.identity,
        samples=1,
        temperatures=(1.0,),
        max_tokens=config.max_tokens,
        limit=limit,
        seed=0,
    )
    return subject, plan


def warned(folder: Path, template: str | None = None, **settings: Any) -> list[str]:
    if template is not None:
        (folder / "chat_template.jinja").write_text(template)
    return list(prompt_warnings(*planned(folder, **settings)))


def test_a_sound_checkpoint_has_no_warning(tiny_checkpoint: Path) -> None:
    assert warned(tiny_checkpoint) == []
    assert warned(tiny_checkpoint, prompt_format="completion") == []


def test_thinking_that_leaves_no_answer_is_named_with_its_switch(checkpoint: Path) -> None:
    (line,) = warned(checkpoint, HYBRID)
    assert "lets the model think (<think>), and with max_tokens 96 replies may end" in line
    assert """--chat-template-kwargs '{"enable_thinking": false}' switches it off""" in line
    assert warned(checkpoint, max_tokens=2048, max_model_len=4096) == []
    assert warned(checkpoint, chat_template_kwargs={"enable_thinking": False}) == []
    assert warned(checkpoint, think_tags="none") == []


def test_thinking_without_a_switch_needs_more_tokens(checkpoint: Path) -> None:
    (line,) = warned(checkpoint, ALWAYS)
    assert "--chat-template-kwargs" not in line
    assert "raise --max-tokens to 2048 or more" in line


def test_a_template_that_closes_the_thinking_is_not_warned_of(checkpoint: Path) -> None:
    assert warned(checkpoint, SILENT) == []
    (line,) = warned(checkpoint, chat_template_kwargs={"thinking": True})
    assert "lets the model think" in line


def test_values_that_no_template_reads_are_named(checkpoint: Path) -> None:
    given = {"enable_thinkng": False, "date": 1}
    lines = warned(checkpoint, HYBRID, chat_template_kwargs=given)
    assert "never reads `enable_thinkng`; did you mean `enable_thinking`?" in lines[0]
    assert "never reads `date`; known: enable_thinking" in lines[1]
    (line,) = warned(checkpoint, TURNS + BEGIN + "{% endif %}", chat_template_kwargs={"x": 1})
    assert line.endswith("never reads `x`; it reads none")


def test_a_turn_whose_end_ends_no_reply_is_named(checkpoint: Path) -> None:
    """As base models with a chat template have it: their replies run on to max_tokens."""
    tokenizer = checkpoint / "tokenizer_config.json"
    settings = json.loads(tokenizer.read_text())
    assert settings["eos_token"] == "<|im_end|>"
    tokenizer.write_text(json.dumps({**settings, "eos_token": "<|im_start|>"}))
    (checkpoint / "generation_config.json").write_text('{"eos_token_id": []}')
    (line,) = warned(checkpoint)
    assert "ends a turn with <|im_end|>, which does not end a reply" in line
    assert "(its end tokens: <|im_start|>)" in line
    end = json.loads((checkpoint / "tokenizer.json").read_text())["added_tokens"]
    number = next(token["id"] for token in end if token["content"] == "<|im_end|>")
    assert f"add {number} to eos_token_id in generation_config.json" in line
    (checkpoint / "generation_config.json").write_text(json.dumps({"eos_token_id": [number]}))
    assert warned(checkpoint) == []


def test_prompts_beyond_the_window_are_counted(tiny_checkpoint: Path) -> None:
    subject, plan = planned(tiny_checkpoint, limit=40)
    subject.check_prompts(plan)
    lengths = [
        len(subject.prompter.token_ids(p.messages)) for part in plan.suites for p in part.prompts
    ]
    longest, shortest = max(lengths), min(lengths)
    assert longest > shortest
    lines = warned(tiny_checkpoint, limit=40, max_model_len=longest)
    count = lengths.count(longest)
    assert f"{count} of 40 prompts do not fit into the window of {longest} tokens" in lines[0]
    assert "their requests will fail" in lines[0]
    (line,) = warned(tiny_checkpoint, limit=40, max_model_len=longest + 10, max_tokens=11)
    assert f"window of {longest + 10} tokens has room for 10 after the longest prompt" in line
    assert warned(tiny_checkpoint, limit=40, max_model_len=longest + 10, max_tokens=10) == []
    with pytest.raises(UserError, match=f"no prompt fits into its window of {shortest} tokens"):
        warned(tiny_checkpoint, limit=40, max_model_len=shortest)


def test_a_server_and_the_simulator_are_not_looked_at() -> None:
    assert warned(Path("world"), engine="world") == []
