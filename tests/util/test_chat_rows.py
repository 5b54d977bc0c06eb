"""pytest tests/util/test_chat_rows.py"""

import json
from typing import Any

import pytest

from sfr_eval.errors import UserError
from sfr_eval.util.chat_rows import Chat, chat_of_row

ASK, SAY = {"role": "user", "content": "Why?"}, {"role": "assistant", "content": "So."}
RULE = {"role": "system", "content": "Be brief."}
HUMAN, GPT = {"from": "human", "value": "Why?"}, {"from": "gpt", "value": "So."}


@pytest.mark.parametrize(
    ("row", "turns", "start"),
    [
        ({"messages": [ASK, SAY, ASK]}, (ASK, SAY), 0),
        ({"prompt": "Why?", "completion": "So."}, (ASK, SAY), 1),
        ({"prompt": [ASK, SAY, ASK], "completion": [SAY]}, (ASK, SAY, ASK, SAY), 3),
        ({"conversations": [HUMAN, GPT, HUMAN]}, (ASK, SAY), 0),
        ({"conversations": [HUMAN, GPT], "system": "Be brief."}, (RULE, ASK, SAY), 0),
        ({"conversations": [{"from": "system", "value": "Be brief."}, HUMAN, GPT]}, ..., 0),
        ({"conversation": [HUMAN, {"from": "ChatGPT", "value": "So."}]}, (ASK, SAY), 0),
        ({"conversations": [ASK, SAY]}, (ASK, SAY), 0),
        ({"messages": [HUMAN, GPT]}, (ASK, SAY), 0),
        ({"instruction": "Why?", "input": "", "output": "So."}, (ASK, SAY), 1),
        ({"instruction": "Why?", "output": "So.", "system": "Be brief."}, (RULE, ASK, SAY), 2),
        (
            {"instruction": "Why?", "history": [["Why?", "So."]], "output": "So."},
            (ASK, SAY, ASK, SAY),
            3,
        ),
    ],
)
def test_every_form_of_a_chat(row: Any, turns: Any, start: int) -> None:
    expected = (RULE, ASK, SAY) if turns is ... else turns
    assert chat_of_row(row, where="x:1") == Chat(turns=expected, start=start)


def test_the_input_of_an_instruction_follows_it() -> None:
    chat = chat_of_row({"instruction": "Sort.", "input": "3 1", "output": "1 3"}, where="x:1")
    assert chat.turns[0]["content"] == "Sort.\n\n3 1"


def test_replies_are_what_is_to_be_learned_each_with_what_precedes_it() -> None:
    chat = chat_of_row({"prompt": [ASK, SAY, ASK], "completion": [SAY, SAY, ASK, SAY]}, where="x")
    assert list(chat.replies()) == [
        ((ASK, SAY, ASK), (SAY, SAY)),
        ((ASK, SAY, ASK, SAY, SAY, ASK), (SAY,)),
    ]


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ([ASK], "x:1: must be an object, not list"),
        ({"conversations": [HUMAN]}, "x:1: has no assistant turn"),
        ({"conversations": []}, "x:1: conversations: needs at least 1 entry"),
        ({"conversations": "Hi"}, "x:1: conversations: "),
        (
            {"conversations": [HUMAN, {"from": "tool", "value": "4"}, GPT]},
            "`tool` is not a known",
        ),
        ({"conversations": [HUMAN, {"from": "gpt"}]}, "x:1: conversations.1.value: "),
        ({"instruction": "Why?", "output": 4}, "x:1: output: "),
        ({"messages": [ASK, SAY], "persona": 3}, "x:1: persona: must be text, not int"),
        ({"text": "Why?"}, "needs either messages, or prompt and completion"),
    ],
)
def test_a_bad_row_is_one_line(row: Any, message: str) -> None:
    with pytest.raises(UserError, match=message) as caught:
        chat_of_row(row, where="x:1")
    assert "\n" not in str(caught.value)


MARKS = [{"weight": 0}, {"weight": 0.0}, {"train": False}, {"train": 0}, {"loss": False}]


@pytest.mark.parametrize("mark", MARKS)
@pytest.mark.parametrize("system", [{}, {"system": "Be brief."}])
def test_replies_that_a_row_excludes_are_context(mark: Any, system: Any) -> None:
    row = {"conversations": [HUMAN, {**GPT, **mark}, HUMAN, {"from": "gpt", "value": "Yes."}]}
    ((before, reply),) = chat_of_row({**row, **system}, where="here").replies()
    assert [turn["content"] for turn in before][-3:] == ["Why?", "So.", "Why?"]
    assert reply == ({"role": "assistant", "content": "Yes."},)
    with pytest.raises(UserError, match="no turn of the assistant answers"):
        chat_of_row({"messages": [ASK, {**SAY, **mark}]}, where="here")


def test_marks_count_whatever_else_is_in_the_row() -> None:
    turns = [ASK, {**SAY, "weight": 0}, ASK, SAY]
    for more in ({"instruction": "Hm."}, {"output": "Hm."}, {"completion": None}):
        assert chat_of_row({"messages": turns, **more}, where="x").skipped == {1}


def test_an_excluded_turn_before_another_is_its_context() -> None:
    more = {"role": "assistant", "content": "Yes."}
    chat = chat_of_row({"messages": [ASK, {**SAY, "weight": 0}, more]}, where="x")
    assert list(chat.replies()) == [((ASK, SAY), (more,))]
    chat = chat_of_row({"messages": [ASK, SAY, {**more, "weight": 0}]}, where="x")
    assert list(chat.replies()) == [((ASK,), (SAY,))]


def test_nulls_are_as_fields_that_are_not_there() -> None:
    spoken = dict.fromkeys(("from", "value", "weight", "tool_calls"))
    turns = [{**ASK, **spoken}, {**SAY, **spoken}]
    others = dict.fromkeys(("instruction", "output", "prompt", "completion", "tools", "system"))
    assert chat_of_row({"messages": turns, **others}, where="x") == Chat(turns=(ASK, SAY), start=0)
    spoken = dict.fromkeys(("role", "content"))
    row = {"conversations": [{**HUMAN, **spoken}, {**GPT, **spoken}], "messages": None}
    assert chat_of_row(row, where="x") == Chat(turns=(ASK, SAY), start=0)


def test_arguments_of_calls_are_objects() -> None:
    """A template writes them as JSON, and would quote a text once more."""
    for text, value in (('{"heat": 200}', {"heat": 200}), ("[1]", "[1]"), ("half {", "half {")):
        call = {"function": {"name": "oven", "arguments": text}}
        row = {"messages": [ASK, {**SAY, "tool_calls": [call]}]}
        (found,) = chat_of_row(row, where="x", with_tools=True).turns[1]["tool_calls"]
        assert found == {"function": {"name": "oven", "arguments": value}}


def test_a_greeting_before_any_question_is_not_learned() -> None:
    ((before, reply),) = chat_of_row({"conversations": [GPT, HUMAN, GPT]}, where="here").replies()
    assert (before, reply) == ((SAY, ASK), (SAY,))
    with pytest.raises(UserError, match="no turn of the assistant answers"):
        chat_of_row({"conversations": [GPT]}, where="here")


@pytest.mark.parametrize(
    "row",
    [
        {"prompt": "Why?", "completion": "\ud83d"},
        {"messages": [ASK, SAY], "tools": [{"name": "\ud83d"}]},
        {"messages": [ASK, SAY], "chat_template_kwargs": {"date": "\ud83d"}},
        {"messages": [ASK, {**SAY, "tool_calls": [{"name": "f", "arguments": {"a": "\ud83d"}}]}]},
    ],
)
def test_half_a_surrogate_pair_is_refused(row: Any) -> None:
    with pytest.raises(UserError, match="here: the text holds half of a surrogate pair"):
        chat_of_row(row, where="here", with_tools=True)


CALL = {"id": "c1", "type": "function", "function": {"name": "oven", "arguments": {}}}
ANSWER = {"role": "tool", "tool_call_id": "c1", "content": "200"}


def test_parts_of_turns_are_kept_under_their_names() -> None:
    row = {
        "messages": [
            ASK,
            {"role": "assistant", "content": None, "tool_calls": [CALL]},
            ANSWER,
            {**SAY, "reasoning_content": "Warm.", "weight": 1},
        ],
        "tools": json.dumps([{"type": "function", "function": {"name": "oven"}}]),
        "chat_template_kwargs": {"enable_thinking": True, "other": None},
    }
    chat = chat_of_row(row, where="x", with_tools=True)
    assert chat.turns == (
        ASK,
        {"role": "assistant", "content": "", "tool_calls": [CALL]},
        ANSWER,
        {**SAY, "reasoning_content": "Warm."},
    )
    assert chat.tools == ({"type": "function", "function": {"name": "oven"}},)
    assert chat.template == {"enable_thinking": True}
    assert set(chat.parts()) == {
        *("tools", "tool", "tool_calls", "tool_call_id", "reasoning_content"),
        "chat_template_kwargs.enable_thinking",
    }  # fmt: skip
    assert [before for before, _ in chat.replies()] == [chat.turns[:1], chat.turns[:3]]
    assert not chat.ignored
    with pytest.raises(UserError, match="x: has tools; chats in which tools are used cannot be"):
        chat_of_row(row, where="x")


@pytest.mark.parametrize("field", ["messages", "conversations"])
def test_parts_are_kept_in_every_form(field: str) -> None:
    row = {field: [ASK, {**SAY, "reasoning_content": "Warm."}]}
    assert chat_of_row(row, where="x").turns[1]["reasoning_content"] == "Warm."
    spoken = {field: [HUMAN, {**GPT, "reasoning_content": "Warm."}]}
    assert chat_of_row(spoken, where="x").turns[1]["reasoning_content"] == "Warm."


def test_text_parts_of_a_content_are_joined() -> None:
    parts = [{"type": "text", "text": "Wh"}, "y", {"type": "text", "text": "?"}]
    row = {"messages": [{"role": "user", "content": parts}, SAY]}
    assert chat_of_row(row, where="x").turns == (ASK, SAY)


def test_a_system_text_beside_the_turns_comes_first() -> None:
    assert chat_of_row({"system": "Be brief.", "messages": [ASK, SAY]}, where="x") == Chat(
        turns=(RULE, ASK, SAY), start=0
    )
    row = {"system": "Be brief.", "prompt": "Why?", "completion": "So."}
    assert chat_of_row(row, where="x") == Chat(turns=(RULE, ASK, SAY), start=2)
    marked = [ASK, {**SAY, "weight": 0}, ASK, SAY]
    ((before, _),) = chat_of_row({"system": "Hm.", "messages": marked}, where="x").replies()
    assert len(before) == 4
    with pytest.raises(UserError, match="x: has system and a system message; remove one"):
        chat_of_row({"system": "Be brief.", "messages": [RULE, ASK, SAY]}, where="x")
    spoken = [{"from": "system", "value": "Be brief."}, HUMAN, GPT]
    with pytest.raises(UserError, match="x: has system and a system message; remove one"):
        chat_of_row({"system": "Be kind.", "conversations": spoken}, where="x")


def test_what_nothing_reads_is_named() -> None:
    row = {"messages": [ASK, {**SAY, "mood": "calm", "note": None}], "source": "a", "tags": []}
    assert chat_of_row(row, where="x").ignored == ("source", "messages.mood")
    row = {"instruction": "Why?", "output": "So.", "completion": "no", "history": []}
    assert chat_of_row(row, where="x").ignored == ("completion",)
    row = {"instruction": "Why?", "output": "So.", "tools": [{"name": "f"}], "id": "7"}
    assert chat_of_row(row, where="x", with_tools=True).ignored == ()
    row = {"prompt": "Why?", "prompt_id": "7", "messages": [ASK, SAY]}
    assert chat_of_row(row, where="x").ignored == ("prompt", "prompt_id")


@pytest.mark.parametrize(
    ("row", "message"),
    [
        (
            {"messages": [{"role": "user", "content": [{"type": "image_url"}]}, SAY]},
            "has a part of type `image_url`; only text can be read",
        ),
        ({"messages": [ASK, SAY], "images": ["a.png"]}, "x:1: images: cannot be read, only text"),
        ({"messages": [ASK, SAY], "functions": [{}]}, "x:1: functions: cannot be read; write them"),
        ({"messages": [ASK, SAY], "tools": "[{"}, "x:1: tools: is not JSON"),
        ({"messages": [ASK, SAY], "tools": {"a": 1}}, "x:1: tools: must be a list of objects"),
        ({"messages": [ASK, {**SAY, "weight": 0.5}]}, "x:1: weight 0.5 of a turn: only 0 and 1"),
        ({"messages": [ASK, {**SAY, "train": "no"}]}, "x:1: train 'no' of a turn: only 0 and 1"),
        ({"messages": [ASK, {**SAY, "loss": 1.3}]}, "x:1: loss 1.3 of a turn: only 0 and 1"),
        ({"messages": [ASK, SAY], "chat_template_kwargs": 1}, "must be an object"),
        (
            {"messages": [ASK, SAY], "chat_template_kwargs": {"tokenize": False}},
            "x:1: chat_template_kwargs: tokenize is no option of a template; remove it",
        ),
        (
            {"messages": [ASK, SAY], "conversations": [HUMAN, {**GPT, "value": "No."}]},
            "x:1: has messages and conversations, which differ; remove one",
        ),
        (
            {"conversations": [HUMAN, GPT], "prompt": "Why?", "completion": "No."},
            "x:1: has conversations and completion, which differ; remove one",
        ),
        ({"messages": [], "system": "Be brief."}, "x:1: has no assistant turn"),
        ({"messages": [ASK, {"role": "assistant", "content": None}]}, "messages.1.content"),
    ],
)
def test_what_cannot_be_learned_is_one_line(row: Any, message: str) -> None:
    with pytest.raises(UserError, match=message) as caught:
        chat_of_row(row, where="x:1", with_tools=True)
    assert "\n" not in str(caught.value)
