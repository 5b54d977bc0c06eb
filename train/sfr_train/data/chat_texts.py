"""Chats as their template writes them, within limits: it comes with a model, and may say anything.

Rows are rendered in a process that stays (sfr_eval/models/rendering.py), one for each process that
asks, until `rendering_ended` or its end.
"""

import json
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from sfr_eval.errors import UserError
from sfr_eval.models.rendering import Renderer

_REMEDY = "set training.chat_template_path"


class Refused(UserError):
    """The template refuses a chat; the message says why."""


@dataclass(frozen=True, kw_only=True)
class Turns:
    """A chat to be rendered. options: arguments of `apply_chat_template`; marked: tokens are asked
    for, and which of them are replies, instead of a text."""

    turns: Sequence[Any]
    options: Mapping[str, Any] = field(default_factory=dict)
    marked: bool = False


def texts_of(tokenizer: Any, chats: Sequence[Turns], *, template: str | None = None) -> list[str]:
    """Return the text of each chat, by this template or the tokenizer's own. Raises Refused, and
    UserError for a template that takes too much."""
    if not chats:
        return []
    given = [[chat.turns, chat.options, chat.marked] for chat in chats]
    answers = _renderer(tokenizer, template)(given, sizes=[_size(chat) for chat in chats])
    for answer in answers:
        if not answer.startswith(_DONE):
            raise Refused(answer[1:])
    return [answer[1:] for answer in answers]


def prompt_texts(tokenizer: Any, prompts: Sequence[Any]) -> list[str]:
    """Return the text of each prompt, which ends where the reply begins. Raises as `texts_of`
    does."""
    options = {"add_generation_prompt": True}
    return texts_of(tokenizer, [Turns(turns=prompt, options=options) for prompt in prompts])


def marked_tokens(
    tokenizer: Any, chat: Turns, *, template: str | None = None
) -> tuple[list[int], list[int]]:
    """Return the tokens of a chat, and for each 1 if it belongs to a reply. Raises as `texts_of`
    does."""
    ids, mask = json.loads(texts_of(tokenizer, [chat], template=template)[0])
    return ids, mask


@contextmanager
def rendering_ended() -> Iterator[None]:
    """End the process that renders with the block."""
    try:
        yield
    finally:
        _close()


@dataclass(frozen=True, kw_only=True)
class _Open:
    """The process that renders for one tokenizer as it was."""

    tokenizer: Any
    state: tuple[Any, ...]
    renderer: Renderer


_OPEN: dict[int, _Open] = {}
"""Of this process; what a copy of it inherits is not its own."""
_DONE, _REFUSED = "+", "-"


def _renderer(tokenizer: Any, template: str | None) -> Renderer:
    here = _OPEN.get(os.getpid())
    state = (template, tokenizer.chat_template, tokenizer.special_tokens_map)
    if here is None or here.tokenizer is not tokenizer or here.state != state:
        _close()
        renderer = Renderer(
            partial(_answer, tokenizer, template),
            name=f"model {tokenizer.name_or_path}",
            remedy=_REMEDY,
        )
        here = _OPEN[os.getpid()] = _Open(tokenizer=tokenizer, state=state, renderer=renderer)
    return here.renderer


def _close() -> None:
    here = _OPEN.pop(os.getpid(), None)
    if here is not None:
        here.renderer.close()


def _size(chat: Turns) -> int:
    """The characters of a chat; of one in tokens, more than their numbers have."""
    size = sum(len(str(value)) for turn in chat.turns for value in turn.values())
    size += len(str(chat.options))
    return 16 * size if chat.marked else size


def _answer(tokenizer: Any, template: str | None, chat: tuple[Any, Mapping[str, Any], bool]) -> str:
    """Render here, whatever it takes."""
    from jinja2 import TemplateError

    turns, options, marked = chat
    try:
        apply = partial(tokenizer.apply_chat_template, turns, chat_template=template, **options)
        if not marked:
            return _DONE + str(apply(tokenize=False))
        # A copy of a process whose tokenizer has used threads would warn that it has none.
        os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
        whole = apply(tokenize=True, return_dict=True, return_assistant_tokens_mask=True)
    except (
        *(TemplateError, TypeError, ValueError, ArithmeticError, AttributeError),
        *(LookupError, RecursionError),
    ) as error:
        return _REFUSED + " ".join(str(error).split())[:300]
    return _DONE + json.dumps([whole["input_ids"], whole["assistant_masks"]])
