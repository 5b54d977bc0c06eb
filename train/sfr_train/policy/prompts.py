"""Rows of chats as what a policy answers: one prompt a row, with the known replies to it."""

from collections.abc import Iterable, Mapping
from typing import Any

from sfr_train.policy.groups import prompt_key

PromptRow = dict[str, Any]
"""`prompt`: messages; `references`: the texts that the data gives as replies."""


def prompt_rows(rows: Iterable[Mapping[str, Any]]) -> list[PromptRow]:
    """Return {prompt, references}, in the order of first occurrence.

    A prompt that stands in several rows becomes one row with all their replies: GRPO compares the
    replies to one prompt with each other, and two rows of it in one batch would be two groups for
    TRL and one for a reward that goes by the prompt. Of a chat with several replies the last is
    the reference; those before it belong to the prompt.
    """
    by_key: dict[str, PromptRow] = {}
    for row in rows:
        turns = row["messages"] if "messages" in row else [*row["prompt"], *row["completion"]]
        last = max(place for place, turn in enumerate(turns) if turn["role"] == "assistant")
        prompt = [{"role": turn["role"], "content": turn["content"]} for turn in turns[:last]]
        known = by_key.setdefault(prompt_key(prompt), {"prompt": prompt, "references": []})
        if turns[last]["content"] not in known["references"]:
            known["references"].append(turns[last]["content"])
    return list(by_key.values())
