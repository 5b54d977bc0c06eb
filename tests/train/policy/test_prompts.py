"""Rows of chats become prompts with their known replies."""

from typing import Any

from sfr_train.policy.prompts import prompt_rows


def turn(role: str, content: str) -> dict[str, str]:
    return {"role": role, "content": content}


def row(question: str, reply: str) -> dict[str, Any]:
    return {"prompt": [turn("user", question)], "completion": [turn("assistant", reply)]}


def test_a_repeated_prompt_is_one_row_with_all_its_replies() -> None:
    rows = prompt_rows([row("q", "one"), row("p", "two"), row("q", "three"), row("q", "one")])
    assert rows == [
        {"prompt": [turn("user", "q")], "references": ["one", "three"]},
        {"prompt": [turn("user", "p")], "references": ["two"]},
    ]


def test_the_last_reply_of_a_chat_is_the_reference() -> None:
    turns = [turn("user", "a"), turn("assistant", "b"), turn("user", "c"), turn("assistant", "d")]
    rows = prompt_rows([{"messages": turns}])
    assert rows == [{"prompt": turns[:3], "references": ["d"]}]


def test_no_rows_give_no_prompts() -> None:
    assert prompt_rows([]) == []
