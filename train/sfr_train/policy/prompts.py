"""Rows of chats as what a policy answers: one prompt a row, with the known replies to it."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from sfr_eval.errors import UserError
from sfr_train.policy.groups import prompt_key

_TEXT = ("role", "content")
_OPTIONS = ("tools", "chat_template_kwargs")
PromptRow = dict[str, Any]
"""`prompt`: messages; `references`: the texts that the data gives as replies."""


def prompt_rows(rows: Iterable[Mapping[str, Any]]) -> list[PromptRow]:
    """Return {prompt, references}, in the order of first occurrence.

    A prompt that stands in several rows becomes one row with all their replies: GRPO compares the
    replies to one prompt with each other, and two rows of it in one batch would be two groups for
    TRL and one for a reward that goes by the prompt. Of a chat with several replies the last is
    the reference; those before it belong to the prompt. Raises UserError for tools and other parts
    of a chat beside role and content, which would be left out.
    """
    by_key: dict[str, PromptRow] = {}
    for number, row in enumerate(rows, start=1):
        turns = row["messages"] if "messages" in row else [*row["prompt"], *row["completion"]]
        parts = [*(name for name in _OPTIONS if row.get(name)), *_more_than_text(turns)]
        if parts:
            raise UserError(
                f"data: row {number}: has {parts[0]}, which objectives on sampled replies "
                "do not read; take it out"
            )
        last = max(place for place, turn in enumerate(turns) if turn["role"] == "assistant")
        prompt = [{"role": turn["role"], "content": turn["content"]} for turn in turns[:last]]
        known = by_key.setdefault(prompt_key(prompt), {"prompt": prompt, "references": []})
        if turns[last]["content"] not in known["references"]:
            known["references"].append(turns[last]["content"])
    return list(by_key.values())


def _more_than_text(turns: Sequence[Mapping[str, Any]]) -> list[str]:
    return [name for turn in turns for name in turn if turn[name] and name not in _TEXT]
