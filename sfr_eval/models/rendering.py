"""Renders chat templates, which come with a checkpoint and may say anything, within limits.

A template is a program without access to anything, but one that may run for ever or fill the
memory, perhaps for one prompt of a thousand. All of them are rendered in a process of its own.
"""

import json
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from sfr_eval.errors import UserError
from sfr_eval.util.limited import LimitedWorker, TooMuch, limited
from sfr_eval.util.untrusted import whole_text

_MEMORY = 2**30
_SECONDS, _SECONDS_EACH = 30.0, 0.1  # a prompt takes a millisecond
_AT_ONCE = 500
_LONGEST = 2**22  # characters beyond those of the messages


def rendered(
    calls: Sequence[Callable[[], str]], *, sizes: Sequence[int], name: str, remedy: str
) -> list[str]:
    """Return the text that each call renders, some at a time; see `_rendered`."""
    texts: list[str] = []
    for start in range(0, len(calls), _AT_ONCE):
        some = slice(start, start + _AT_ONCE)
        texts += _rendered(calls[some], sizes[some], name=name, remedy=remedy)
    return texts


def _rendered(
    calls: Sequence[Callable[[], str]], sizes: Sequence[int], *, name: str, remedy: str
) -> list[str]:
    """Return the text that each call renders; `sizes` are the characters of its messages. Raises
    the UserError of the first call that ends in one, or says that the template, of which `name`
    says whose it is, takes too much."""

    def run() -> bytes:
        return _outcomes(calls, sizes)

    try:
        content = limited(run, seconds=_seconds(len(calls)), memory=_MEMORY)
    except TooMuch as error:
        raise _too_much(error, len(calls), name=name, remedy=remedy) from None
    return _texts(content, name=name, remedy=remedy)


class Renderer:
    """Renders chats, some at a time, in one process that stays, where to make one for each few
    takes longer than to render them. A chat is anything that JSON holds."""

    def __init__(self, render: Callable[[Any], str], *, name: str, remedy: str) -> None:
        self._render, self._name, self._remedy = render, name, remedy
        self._worker = LimitedWorker(self._answer, memory=_MEMORY)

    def __call__(self, chats: Sequence[Any], *, sizes: Sequence[int]) -> list[str]:
        """Return the text of each chat; `sizes` are the characters of its messages. Raises
        UserError as `rendered` does."""
        message = json.dumps([chats, sizes], default=str).encode()
        try:
            content = self._worker(message, seconds=_seconds(len(chats)))
        except TooMuch as error:
            raise _too_much(error, len(chats), name=self._name, remedy=self._remedy) from None
        return _texts(content, name=self._name, remedy=self._remedy)

    def close(self) -> None:
        """End the process."""
        self._worker.close()

    def _answer(self, message: bytes) -> bytes:
        chats, sizes = json.loads(message)
        return _outcomes([partial(self._render, chat) for chat in chats], sizes)


def _seconds(prompts: int) -> float:
    return _SECONDS + _SECONDS_EACH * (prompts - 1)


def _too_much(error: TooMuch, prompts: int, *, name: str, remedy: str) -> UserError:
    what = "one prompt" if prompts == 1 else f"{prompts:,} prompts"
    return UserError(f"{name}: its chat template takes {error} for {what}; {remedy}")


def _outcomes(calls: Sequence[Callable[[], str]], sizes: Sequence[int]) -> bytes:
    return json.dumps(
        [_outcome(call, size) for call, size in zip(calls, sizes, strict=True)]
    ).encode()


def _texts(content: bytes, *, name: str, remedy: str) -> list[str]:
    outcomes = json.loads(content) if content else [["fails", "for an unknown reason"]]
    for problem, text in outcomes:
        if problem == "line":
            raise UserError(text)
        if problem:
            raise UserError(f"{name}: its chat template {problem} {text}; {remedy}")
    return [text for _, text in outcomes]


def _outcome(call: Callable[[], str], size: int) -> tuple[str, str]:
    """Return what is wrong and how, or "" and the text."""
    try:
        text = call()
    except UserError as error:
        return "line", str(error)
    if len(text) > _LONGEST + 16 * size:
        return "writes", f"{len(text):,} characters for one prompt"
    return ("", text) if whole_text(text) == text else ("writes", "half of a surrogate pair")
