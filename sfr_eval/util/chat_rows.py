"""Chats in the forms in which people keep them: messages, prompt and completion, ShareGPT, Alpaca.

{"messages": [{"role": ..., "content": ...}, ...]}
{"prompt": [messages] or text, "completion": [messages] or text}
{"conversations": [{"from": "human", "value": ...}, ...], "system": ...}
{"instruction": ..., "input": ..., "output": ..., "history": [[q, a], ...], "system": ...}

A turn of messages may hold more than its text: reasoning, calls of tools (`PARTS`). What is neither
read here nor refused is named in `Chat.ignored`, so that nothing is left out in silence.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from sfr_eval.errors import UserError
from sfr_eval.util.field_names import ROLES, alpaca_question
from sfr_eval.util.reading import read_model

Turn = dict[str, Any]
"""A message: role and content, both text, and any of `PARTS`."""

PARTS = ("reasoning_content", "reasoning", "thinking", "tool_calls", "tool_call_id", "name")
"""What a turn may hold beside role and content, under the names that chat templates read."""

_MARKS = ("weight", "train", "loss")
_ROW_FIELDS = {
    *("messages", "prompt", "completion", "conversations", "conversation", "system", "persona"),
    *("tools", "chat_template_kwargs", "id"),
}
_ALPACA_FIELDS = {"instruction", "input", "output", "history", "system", "persona"}
_MEDIA = ("image", "images", "video", "videos", "audio", "audios")

CHAT_FIELDS = {"messages", "completion", "conversations", "conversation", "instruction"}
"""Fields of which every form of a chat has one."""


@dataclass(frozen=True, kw_only=True)
class Chat:
    """Turns, of which those from `start` on are to be learned or measured, except the `skipped`
    ones: a greeting before anything is asked, and what the row itself excludes. tools: functions
    that the assistant may call; template: options of the chat template (`chat_template_kwargs`);
    ignored: fields of the row and of its turns that nothing reads."""

    turns: tuple[Turn, ...]
    start: int
    persona: str = ""
    skipped: frozenset[int] = frozenset()
    tools: tuple[Any, ...] | None = None
    template: Mapping[str, Any] = field(default_factory=dict)
    ignored: tuple[str, ...] = ()

    def parts(self) -> Iterator[str]:
        """Yield what the chat holds beside texts of system, user and assistant: `tools`, the role
        `tool`, and the `PARTS` of its turns."""
        if self.tools:
            yield "tools"
        for turn in self.turns:
            if turn["role"] == "tool":
                yield "tool"
            yield from (name for name in PARTS if name in turn)

    def replies(self) -> Iterator[tuple[tuple[Turn, ...], tuple[Turn, ...]]]:
        """Yield (turns before, reply) of each reply from `start` on; turns of the assistant that
        follow each other are one reply."""
        place = self.start
        while place < len(self.turns):
            end = place
            while end < len(self.turns) and self.turns[end]["role"] == "assistant":
                end += 1
            if end > place and not self.skipped & set(range(place, end)):
                yield self.turns[:place], self.turns[place:end]
            place = end + 1


def _joined(content: Any) -> Any:
    """Join the text parts of a content that is a list of parts."""
    if not isinstance(content, list):
        return content
    texts = []
    for part in content:
        kind = part.get("type") if isinstance(part, Mapping) else None
        text = part if isinstance(part, str) else part.get("text") if kind == "text" else None
        if not isinstance(text, str):
            raise ValueError(f"has a part of type `{kind}`; only text can be read")
        texts.append(text)
    return "".join(texts)


_Text = Annotated[str, BeforeValidator(_joined)]


class _Message(BaseModel):
    role: Literal["system", "user", "assistant", "tool"]
    content: _Text
    reasoning_content: str | None = None
    reasoning: str | None = None
    thinking: str | None = None
    tool_calls: list[dict[str, Any]] | None = None
    tool_call_id: str | None = None
    name: str | None = None

    @model_validator(mode="before")
    @classmethod
    def _calls_need_no_text(cls, turn: Any) -> Any:
        if isinstance(turn, Mapping) and turn.get("content") is None and turn.get("tool_calls"):
            return {**turn, "content": ""}
        return turn

    def turn(self) -> Turn:
        """Return it without the fields that it does not have."""
        return self.model_dump(exclude_none=True)


class _ChatRow(BaseModel):
    """Messages, or a prompt and its completion."""

    messages: list[_Message] | None = None
    prompt: list[_Message] | str | None = None
    completion: list[_Message] | str | None = None
    system: str | None = None

    @model_validator(mode="after")
    def _complete(self) -> "_ChatRow":
        if (self.messages is None) == (self.prompt is None and self.completion is None):
            raise ValueError(
                "needs either messages, or prompt and completion (or conversations as in "
                "ShareGPT files, or instruction and output as in Alpaca's)"
            )
        if self.messages is None and (self.prompt is None or self.completion is None):
            raise ValueError("prompt and completion go together")
        return self


class _Spoken(BaseModel):
    model_config = ConfigDict(populate_by_name=True, extra="ignore")

    speaker: str = Field(alias="from")
    value: _Text


class _ShareGpt(BaseModel):
    conversations: list[_Spoken] = Field(min_length=1)
    system: str | None = None


class _Alpaca(BaseModel):
    instruction: str
    input: str | None = None
    output: str
    history: list[tuple[str, str]] | None = None
    system: str | None = None


def chat_of_row(row: Any, *, where: str, with_tools: bool = False) -> Chat:
    """Return the chat of a row in any of the forms. Raises UserError for any other row, for one
    without a reply, for one with images or sounds, and, unless `with_tools`, for one in which tools
    are used."""
    if not isinstance(row, dict):
        raise UserError(f"{where}: must be an object, not {type(row).__name__}")
    for name in (*_MEDIA, "functions"):
        if row.get(name):
            raise UserError(
                f"{where}: {name}: cannot be read"
                + ("; write them as tools" if name == "functions" else ", only text; remove it")
            )
    persona = row.get("persona")
    if persona is not None and not isinstance(persona, str):
        raise UserError(f"{where}: persona: must be text, not {type(persona).__name__}")
    if (spoken := _sharegpt_field(row)) is not None:
        turns, start = _of_sharegpt(row, field=spoken, where=where), 0
    elif "instruction" in row and "output" in row:
        turns = _of_alpaca(read_model(_Alpaca, row, where=where))
        start = len(turns) - 1
    else:
        parsed = read_model(_ChatRow, _renamed(row), where=where)
        if parsed.messages is not None:
            turns, start = [turn.turn() for turn in parsed.messages], 0
        else:
            prompt = _turns(parsed.prompt, "user")
            completion = _turns(parsed.completion, "assistant")
            if not any(turn["role"] == "assistant" for turn in completion):
                raise UserError(f"{where}: completion has no assistant turn")
            turns, start = prompt + completion, len(prompt)
        if parsed.system:
            if turns[0]["role"] == "system":
                raise UserError(f"{where}: has system and a system message; remove one")
            turns, start = [*_system(parsed.system), *turns], start + bool(start)
    ends = [place for place, turn in enumerate(turns) if turn["role"] == "assistant"]
    if not ends:
        raise UserError(f"{where}: has no assistant turn, so there is nothing to train on")
    _check_text(turns, where=where)
    chat = Chat(
        turns=tuple(turns[: ends[-1] + 1]),
        start=start,
        persona=persona or "",
        skipped=_skipped(row, turns, start, where=where),
        tools=_tools(row.get("tools"), where=where),
        template=_options(row.get("chat_template_kwargs"), where=where),
        ignored=tuple(_ignored(row)),
    )
    used = [part for part in chat.parts() if part in ("tools", "tool", "tool_calls")]
    if used and not with_tools:
        raise UserError(
            f"{where}: has {used[0]}; chats in which tools are used cannot be read here"
        )
    if next(chat.replies(), None) is None:
        raise UserError(f"{where}: no turn of the assistant answers a user's turn and is to learn")
    return chat


def _tools(tools: Any, *, where: str) -> tuple[Any, ...] | None:
    """Return the list of tools of a row, which may be written as JSON in a text."""
    if isinstance(tools, str):
        try:
            tools = json.loads(tools) if tools.strip() else None
        except ValueError:
            raise UserError(f"{where}: tools: is not JSON") from None
    if not tools:
        return None
    if not isinstance(tools, list) or not all(isinstance(tool, dict) for tool in tools):
        raise UserError(f"{where}: tools: must be a list of objects")
    return tuple(tools)


def _options(options: Any, *, where: str) -> dict[str, Any]:
    if options is None:
        return {}
    if not isinstance(options, dict):
        raise UserError(f"{where}: chat_template_kwargs: must be an object")
    return {name: value for name, value in options.items() if value is not None}


def _ignored(row: Mapping[str, Any]) -> Iterator[str]:
    """Yield the fields of a row, and of its turns, that have a value and that nothing reads."""
    alpaca = "instruction" in row and "output" in row and _sharegpt_field(row) is None
    fields = _ALPACA_FIELDS if alpaca else _ROW_FIELDS
    yield from (str(name) for name, value in row.items() if name not in fields and _stated(value))
    texts = {"from", "value"} if _sharegpt_field(row) else set()
    known = {"role", "content", *PARTS, *_MARKS, *texts}
    for place in ("messages", "prompt", "completion", "conversations", "conversation"):
        turns = row.get(place)
        for turn in turns if isinstance(turns, list) else ():
            if isinstance(turn, Mapping):
                yield from (
                    f"{place}.{name}" for name in turn if name not in known and _stated(turn[name])
                )


def _stated(value: Any) -> bool:
    return value not in (None, "", [], {})


def _skipped(
    row: Mapping[str, Any], turns: list[Turn], start: int, *, where: str
) -> frozenset[int]:
    """Return the places of replies that are no answers to learn: those before any user's turn, and
    those marked in the file (`weight` 0 of OpenAI's format, `train` or `loss` false)."""
    said = {place for place, turn in enumerate(turns) if turn["role"] == "assistant"}
    users = [place for place, turn in enumerate(turns) if turn["role"] == "user"]
    early = {place for place in said if place < min(users, default=len(turns))}
    field = next((n for n in ("completion", "messages", "conversations", "conversation")
                  if isinstance(row.get(n), list)), None)  # fmt: skip
    marks = row[field] if field is not None and "instruction" not in row else []
    offset = len(turns) - len(marks)  # of a system message or a prompt in front
    for mark in marks:
        if isinstance(mark, Mapping) and mark.get("weight") not in (None, 0, 1):
            raise UserError(f"{where}: weight {mark['weight']} of a turn: only 0 and 1 can be used")
    off = {
        offset + place
        for place, mark in enumerate(marks)
        if isinstance(mark, Mapping)
        and (mark.get("weight") == 0 or mark.get("train") is False or mark.get("loss") is False)
    }
    return frozenset(said & (off | early if start == 0 else off))


def _check_text(turns: list[Turn], *, where: str) -> None:
    try:
        "".join(text for turn in turns for text in turn.values() if isinstance(text, str)).encode()
    except UnicodeEncodeError:
        raise UserError(
            f"{where}: the text holds half of a surrogate pair, which no tokenizer reads; repair "
            "the file"
        ) from None


def _sharegpt_field(row: Mapping[str, Any]) -> str | None:
    """Return the name that holds turns with the names of ShareGPT."""
    for name in ("conversations", "conversation", "messages"):
        turns = row.get(name)
        if name != "messages" and turns is not None and not _are_messages(turns):
            return name
        if isinstance(turns, list) and any(isinstance(t, dict) and "from" in t for t in turns):
            return name
    return None


def _renamed(row: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the row with its messages under `messages`, where they stand under another name."""
    for name in ("conversations", "conversation"):
        if _are_messages(row.get(name)) and row.get("messages") is None:
            return {**row, "messages": row[name]}
    return row


def _are_messages(turns: Any) -> bool:
    """Return whether turns under a name of ShareGPT's are messages with the usual roles."""
    roles = ("system", "user", "assistant", "tool")
    return isinstance(turns, list) and bool(turns) and all(
        isinstance(turn, dict) and turn.get("role") in roles and "from" not in turn
        for turn in turns
    )  # fmt: skip


def _of_sharegpt(row: Mapping[str, Any], *, field: str, where: str) -> list[Turn]:
    turns = row[field]
    if isinstance(turns, list) and all(isinstance(turn, dict) for turn in turns):
        turns = [
            {
                **{name: turn[name] for name in PARTS if name in turn},
                "from": turn.get("from", turn.get("role")),
                "value": turn.get("value", turn.get("content")),
            }
            for turn in turns
        ]
    parsed = read_model(_ShareGpt, {**row, "conversations": turns}, where=where)
    result = _system(parsed.system)
    for number, (message, turn) in enumerate(zip(parsed.conversations, turns, strict=True)):
        role = ROLES.get(message.speaker.strip().casefold())
        if role is None:
            raise UserError(
                f"{where}: {field}.{number}: `{message.speaker}` is not a known speaker; give "
                f"one of {', '.join(ROLES)}"
            )
        parts = {name: turn[name] for name in PARTS if name in turn}
        whole = {**parts, "role": role, "content": message.value}
        result.append(read_model(_Message, whole, where=f"{where}: {field}.{number}").turn())
    return result


def _of_alpaca(row: _Alpaca) -> list[Turn]:
    turns = _system(row.system)
    for question, answer in row.history or ():
        turns += [*_turns(question, "user"), *_turns(answer, "assistant")]
    question = alpaca_question(row.instruction, row.input)
    return [*turns, *_turns(question, "user"), *_turns(row.output, "assistant")]


def _system(text: str | None) -> list[Turn]:
    return [{"role": "system", "content": text}] if text else []


def _turns(value: Any, role: str) -> list[Turn]:
    if isinstance(value, str):
        return [{"role": role, "content": value}]
    return [turn.turn() for turn in value]
