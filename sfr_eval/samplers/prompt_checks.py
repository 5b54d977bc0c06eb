"""What is known of a run's replies from its prompts alone: too long, cut while thinking, never
ended, or untouched by a setting that no template reads."""

import json
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from sfr_eval.errors import UserError, did_you_mean
from sfr_eval.models.architecture import window
from sfr_eval.models.prompting import Prompter
from sfr_eval.models.templates import variables
from sfr_eval.samplers.subject import ENGINES, Subject
from sfr_eval.thinking import ThinkTags, ends_inside
from sfr_eval.types import Message, Prompt

if TYPE_CHECKING:
    from sfr_eval.plan import Plan

THOUGHTS = 2048
"""Fewer tokens than this may end within the thoughts, which leaves no answer."""

_ANSWER = "ANSWER0ANSWER"


def prompt_warnings(subject: Subject, plan: "Plan") -> Iterator[str]:
    """Yield what the user should know before anything is drawn, a line each. Raises UserError if
    no prompt fits into the model's window."""
    if not ENGINES[subject.engine].has_weights:
        return
    yield from unread_variables(subject)
    yield from _too_long(subject, plan)
    yield from thinking_warnings(subject, plan)
    yield from end_of_turn_warnings(subject, plan)


def unread_variables(subject: Subject) -> Iterator[str]:
    """Warn of --chat-template-kwargs that the template never reads."""
    given = subject.config.serving.chat_template_kwargs or {}
    known = variables(subject.prompter.template) if given else None
    if known is None:
        return
    for name in given:
        if name not in known:
            hint = did_you_mean(name, known) if known else "it reads none"
            yield f"--chat-template-kwargs: the chat template never reads `{name}`; {hint}"


def thinking_warnings(subject: Subject, plan: "Plan") -> Iterator[str]:
    """Warn if the model will think, by its template, and may have no tokens left to answer."""
    tags = subject.think_tags(plan)
    most = min(part.sampling.max_tokens for part in plan.suites)
    if tags is None or most >= THOUGHTS or not _thinks(subject.prompter, _first(plan), tags):
        return
    remedy = f"raise --max-tokens to {THOUGHTS} or more"
    if switch := thinking_switch(subject.prompter, _first(plan), tags):
        remedy = (
            f"--chat-template-kwargs '{json.dumps({switch: False})}' switches it off; or {remedy}"
        )
    yield (
        f"the chat template lets the model think ({tags.open}), and with max_tokens {most} replies "
        f"may end before their answer begins; {remedy}"
    )


def thinking_switch(prompter: Prompter, prompt: Prompt, tags: ThinkTags) -> str | None:
    """Return the name of the value that a template reads and that switches thinking off if it is
    false; None if there is none."""
    for name in sorted(variables(prompter.template) or ()):
        if not any(word in name for word in ("think", "reason")):
            continue
        try:
            text = prompter.render(prompt.messages, **{name: False})
        except UserError:
            continue
        if text != prompter.render(prompt.messages) and not ends_inside(text, tags):
            return name
    return None


def end_of_turn_warnings(subject: Subject, plan: "Plan") -> Iterator[str]:
    """Warn if the token with which the template ends a turn does not end a reply."""
    end = turn_end(subject.prompter, _first(plan))
    if end is None:
        return
    tokenizer, declared = subject.prompter.tokenizer, end_tokens(subject)
    if end in declared:
        return
    names = ", ".join(tokenizer.convert_ids_to_tokens(sorted(declared))) or "none"
    yield (
        f"the chat template ends a turn with {tokenizer.convert_ids_to_tokens(end)}, which does "
        f"not end a reply of this checkpoint (its end tokens: {names}): replies may run on to "
        f"max_tokens; add {end} to eos_token_id in generation_config.json"
    )


def turn_end(prompter: Prompter, prompt: Prompt) -> int | None:
    """Return the special token that follows a reply in the template; None if there is none."""
    if not prompter.template:
        return None
    try:
        text = prompter.render((*prompt.messages, Message("assistant", _ANSWER)))
    except UserError:
        return None
    _, found, rest = text.partition(_ANSWER)
    tokenizer: Any = prompter.tokenizer
    ids = tokenizer(rest.lstrip(), add_special_tokens=False)["input_ids"] if found else []
    return ids[0] if ids and _is_marker(tokenizer, ids[0]) else None


def end_tokens(subject: Subject) -> set[int]:
    """Return the tokens that end a reply: the tokenizer's, and those of generation_config."""
    declared = subject.generation_config.get("eos_token_id")
    ids = declared if isinstance(declared, list) else [declared]
    ids = [*ids, subject.prompter.tokenizer.eos_token_id]
    return {id for id in ids if isinstance(id, int)}


def _is_marker(tokenizer: Any, id: int) -> bool:
    """Return whether a token is one that the tokenizer was given for its purpose."""
    return id in tokenizer.added_tokens_decoder


def _thinks(prompter: Prompter, prompt: Prompt, tags: ThinkTags) -> bool:
    """Return whether the prompt leaves it open, or begins, that the model thinks."""
    if not prompter.template:
        return tags.source == "setting"
    text = prompter.render(prompt.messages).rstrip()
    return not text.endswith(tags.close)


def _too_long(subject: Subject, plan: "Plan") -> Iterator[str]:
    serving = subject.config.serving
    room = serving.max_model_len or window(
        subject.checkpoint, trust_remote_code=serving.trust_remote_code
    )
    if room is None:
        return
    subject.check_prompts(plan)  # all at once
    lengths = {
        prompt.id: len(subject.prompter.token_ids(prompt.messages))
        for part in plan.suites
        for prompt in part.prompts
    }
    beyond = sorted((id for id in lengths if lengths[id] >= room), key=lambda id: -lengths[id])
    if len(beyond) == len(lengths):
        raise UserError(
            f"--model {subject.checkpoint.name}: no prompt fits into its window of {room:,} tokens "
            f"(the shortest has {min(lengths.values()):,}); take a model with a longer window"
        )
    if beyond:
        yield (
            f"{len(beyond):,} of {len(lengths):,} prompts do not fit into the window of {room:,} "
            f"tokens ({beyond[0]} has {lengths[beyond[0]]:,}); their requests will fail"
        )
    most = max(part.sampling.max_tokens for part in plan.suites)
    longest = max(length for length in lengths.values() if length < room)
    if longest + most > room:
        yield (
            f"the window of {room:,} tokens has room for {room - longest:,} after the longest "
            f"prompt, so replies may be cut there and not at max_tokens {most:,}"
        )


def _first(plan: "Plan") -> Prompt:
    return next(prompt for part in plan.suites for prompt in part.prompts)
