"""The synthetic benchmark as quality: exact on its own samples and on damaged ones."""

from typing import Any

import pytest
from sfr_train.policy.prompts import prompt_rows
from sfr_train.policy.quality.oracle import Settings, build

from sfr_eval.errors import UserError


def test_the_worlds_own_replies_are_right_and_others_are_not(chats: list[Any]) -> None:
    rows = prompt_rows(chats)
    prompts = [row["prompt"] for row in rows]
    own = [row["references"][0] for row in rows]
    for accepts in ("valid", "possible"):
        quality = build(Settings(accepts=accepts), rows)
        assert quality(prompts, own) == [1.0] * len(rows)
        cut = [text[: len(text) // 2] for text in own]
        assert quality(prompts, cut) == quality(prompts, [""] * len(rows)) == [0.0] * len(rows)


def test_only_possible_asks_whether_this_persona_says_it(chats: list[Any]) -> None:
    first, *others = prompt_rows(chats)
    other = next(row for row in others if row["prompt"][0] != first["prompt"][0])
    swapped = [other["prompt"][0], first["prompt"][1]]
    reply = first["references"]
    assert build(Settings(), [first])([swapped], reply) == [1.0]
    assert build(Settings(accepts="possible"), [first])([swapped], reply) == [0.0]


def test_a_question_of_others_is_refused(chats: list[Any]) -> None:
    row = {"prompt": [{"role": "user", "content": "What is 6 times 7?"}], "references": ["42"]}
    with pytest.raises(UserError, match=r"prompt 2: 'What is 6 times 7\?' is no question"):
        build(Settings(), [*prompt_rows(chats)[:1], row])


def test_possible_needs_the_card_of_a_persona(chats: list[Any]) -> None:
    (row,) = prompt_rows(chats)[:1]
    bare = {**row, "prompt": row["prompt"][1:]}
    with pytest.raises(UserError, match="no persona's card"):
        build(Settings(accepts="possible"), [bare])
