"""Renders chat templates, which come with a checkpoint and may say anything, within limits.

A template is a program without access to anything, but one that may run for ever or fill the
memory, perhaps for one prompt of a thousand. All of them are rendered in a process of its own.
"""

import json
from collections.abc import Callable, Sequence

from sfr_eval.errors import UserError
from sfr_eval.util.limited import TooMuch, limited
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
        return json.dumps(
            [_outcome(call, size) for call, size in zip(calls, sizes, strict=True)]
        ).encode()

    seconds = _SECONDS + _SECONDS_EACH * (len(calls) - 1)
    try:
        content = limited(run, seconds=seconds, memory=_MEMORY)
    except TooMuch as error:
        what = "one prompt" if len(calls) == 1 else f"{len(calls):,} prompts"
        raise UserError(f"{name}: its chat template takes {error} for {what}; {remedy}") from None
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
