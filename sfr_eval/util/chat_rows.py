"""Chats in the forms in which people keep them: messages, prompt and completion, ShareGPT, Alpaca.

{"messages": [{"role": ..., "content": ...}, ...]}
{"prompt": [messages] or text, "completion": [messages] or text}
{"conversations": [{"from": "human", "value": ...}, ...], "system": ...}
{"instruction": ..., "input": ..., "output": ..., "history": [[q, a], ...], "system": ...}

A field that is null is as one that is not there. A turn of messages may hold more than its text:
reasoning, calls of tools (`PARTS`). What is neither read here nor refused is named in
`Chat.ignored`, so that nothing is left out in silence.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from sfr_eval.errors import UserError
from sfr_eval.util.field_names import ROLES, alpaca_question
from sfr_eval.util.reading import read_model

Turn = dict[str, Any]
"""A message: role and content, both text, and any of `PARTS`."""

PARTS = ("reasoning_content", "reasoning", "thinking", "tool_calls", "tool_call_id", "name")
"""What a turn may hold beside role and content, under the names that chat templates read."""

_MARKS = ("weight", "train", "loss")
_TURNS = ("messages", "conversations", "conversation")
_READ = {"system", "persona", "tools", "chat_template_kwargs", "id"}
_FORMS = {
    **{name: {name} for name in _TURNS},
    "completion": {"prompt", "completion"},
    "instruction": {"instruction", "input", "output", "history"},
}
"""Field that tells the form -> the fields that hold the chat."""
_MEDIA = ("image", "images", "video", "videos", "audio", "audios")

RESERVED_OPTIONS = {
    *("conversation", "messages", "tools", "chat_template", "tokenize", "return_dict"),
    *("add_generation_prompt", "continue_final_message", "padding", "truncation", "max_length"),
    *("return_tensors", "return_assistant_tokens_mask", "tokenizer_kwargs"),
}
"""Arguments of `apply_chat_template` that are not the template's own options."""

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
        `tool`, the `PARTS` of its turns, and `chat_template_kwargs.NAME` of each option."""
        if self.tools:
            yield "tools"
        yield from (f"chat_template_kwargs.{name}" for name in self.template)
        for turn in self.turns:
            if turn["role"] == "tool":
                yield "tool"
            yield from (name for name in PARTS if name in turn)

    def replies(self) -> Iterator[tuple[tuple[Turn, ...], tuple[Turn, ...]]]:
        """Yield (turns before, reply) of each reply from `start` on; turns of the assistant that
        follow each other, none of them skipped, are one reply."""
        place = self.start
        while place < len(self.turns):
            end = place
            while end < len(self.turns) and self._is_learned(end):
                end += 1
            if end > place:
                yield self.turns[:place], self.turns[place:end]
            place = end + 1

    def _is_learned(self, place: int) -> bool:
        return self.turns[place]["role"] == "assistant" and place not in self.skipped


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


def _with_object(call: dict[str, Any]) -> dict[str, Any]:
    """Parse arguments that are JSON in a text, as in OpenAI's format: a template writes them as
    JSON itself, and would quote the text once more."""
    function = call.get("function")
    if isinstance(function, dict):
        return {**call, "function": _with_object(function)}
    try:
        arguments = json.loads(call["arguments"])
    except (KeyError, TypeError, ValueError):
        return call
    return {**call, "arguments": arguments} if isinstance(arguments, dict) else call


_Text = Annotated[str, BeforeValidator(_joined)]
_Calls = list[Annotated[dict[str, Any], AfterValidator(_with_object)]]


class _Message(BaseModel):
    role: Literal["system", "user", "assistant", "tool"]
    content: _Text
    reasoning_content: str | None = None
    reasoning: str | None = None
    thinking: str | None = None
    tool_calls: _Calls | None = None
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


class _Messages(BaseModel):
    messages: list[_Message]


class _Completion(BaseModel):
    prompt: list[_Message] | str
    completion: list[_Message] | str


class _Spoken(BaseModel):
    model_config = ConfigDict(populate_by_name=True, extra="ignore")

    speaker: str = Field(alias="from")
    value: _Text


class _ShareGpt(BaseModel):
    conversations: list[_Spoken] = Field(min_length=1)


class _Alpaca(BaseModel):
    instruction: str
    input: str | None = None
    output: str
    history: list[tuple[str, str]] | None = None


def chat_of_row(row: Any, *, where: str, with_tools: bool = False) -> Chat:
    """Return the chat of a row in any of the forms. Raises UserError for any other row, for one of
    two forms that differ, for one without a reply, for one with images or sounds, and, unless
    `with_tools`, for one in which tools are used."""
    if not isinstance(row, dict):
        raise UserError(f"{where}: must be an object, not {type(row).__name__}")
    row = {name: _stated_turns(value) for name, value in row.items() if value is not None}
    for name in (*_MEDIA, "functions"):
        if row.get(name):
            raise UserError(
                f"{where}: {name}: cannot be read"
                + ("; write them as tools" if name == "functions" else ", only text; remove it")
            )
    for name in ("persona", "system"):
        if not isinstance(row.get(name, ""), str):
            raise UserError(f"{where}: {name}: must be text, not {type(row[name]).__name__}")
    form = _form(row, where=where)
    turns, start = _turns_of(row, form, where=where)
    if row.get("system"):
        if turns and turns[0]["role"] == "system":
            raise UserError(f"{where}: has system and a system message; remove one")
        turns = [{"role": "system", "content": row["system"]}, *turns]
        start += bool(start)
    ends = [place for place, turn in enumerate(turns) if turn["role"] == "assistant"]
    if not ends:
        raise UserError(f"{where}: has no assistant turn, so there is nothing to train on")
    chat = Chat(
        turns=tuple(turns[: ends[-1] + 1]),
        start=start,
        persona=row.get("persona", ""),
        skipped=_skipped(row.get(form), turns, start, where=where),
        tools=_tools(row.get("tools"), where=where),
        template=_options(row.get("chat_template_kwargs"), where=where),
        ignored=tuple(_ignored(row, form)),
    )
    _check_text(chat, where=where)
    used = [part for part in chat.parts() if part in ("tools", "tool", "tool_calls")]
    if used and not with_tools:
        raise UserError(
            f"{where}: has {used[0]}; chats in which tools are used cannot be read here"
        )
    if next(chat.replies(), None) is None:
        raise UserError(f"{where}: no turn of the assistant answers a user's turn and is to learn")
    return chat


def _stated_turns(value: Any) -> Any:
    """Drop the nulls of turns: a table gives each turn the fields of all others."""
    if not isinstance(value, list):
        return value
    return [
        {name: part for name, part in turn.items() if part is not None}
        if isinstance(turn, dict)
        else turn
        for turn in value
    ]


def _form(row: Mapping[str, Any], *, where: str) -> str:
    """Return the field that tells the form of a row."""
    alpaca = "instruction" in row and "output" in row
    names = _TURNS if alpaca else (*_TURNS, "completion")
    chats = [name for name in names if _stated(row.get(name))]
    for name in chats[1:]:
        if row[name] != row[chats[0]]:
            raise UserError(f"{where}: has {chats[0]} and {name}, which differ; remove one")
    if chats:
        return chats[0]
    if alpaca:
        return "instruction"
    empty = next((name for name in names if name in row), None)
    if empty is None and "prompt" not in row:
        raise UserError(
            f"{where}: needs either messages, or prompt and completion (or conversations as in "
            "ShareGPT files, or instruction and output as in Alpaca's)"
        )
    return empty or "completion"


def _turns_of(row: Mapping[str, Any], form: str, *, where: str) -> tuple[list[Turn], int]:
    """Return the turns of a row, without the text of `system`, and where the reply begins."""
    if form == "instruction":
        turns = _of_alpaca(read_model(_Alpaca, row, where=where))
        return turns, len(turns) - 1
    if form == "completion":
        if "prompt" not in row or "completion" not in row:
            raise UserError(f"{where}: prompt and completion go together")
        pair = read_model(_Completion, row, where=where)
        prompt, completion = _turns(pair.prompt, "user"), _turns(pair.completion, "assistant")
        if not any(turn["role"] == "assistant" for turn in completion):
            raise UserError(f"{where}: completion has no assistant turn")
        return prompt + completion, len(prompt)
    if _is_sharegpt(row[form], form):
        return _of_sharegpt(row[form], field=form, where=where), 0
    named = {"messages": row[form]}
    return [turn.turn() for turn in read_model(_Messages, named, where=where).messages], 0


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
    reserved = RESERVED_OPTIONS & options.keys()
    if reserved:
        raise UserError(
            f"{where}: chat_template_kwargs: {min(reserved)} is no option of a template; remove it"
        )
    return {name: value for name, value in options.items() if value is not None}


def _ignored(row: Mapping[str, Any], form: str) -> Iterator[str]:
    """Yield the fields of a row, and of its turns, that have a value and that nothing reads."""
    fields = _FORMS[form] | _READ
    yield from (str(name) for name, value in row.items() if name not in fields and _stated(value))
    known = {"role", "content", *PARTS, *_MARKS}
    for place in sorted(_FORMS[form] - {"history"}):
        turns = row.get(place)
        if not isinstance(turns, list):
            continue
        names = known | {"from", "value"} if _is_sharegpt(turns, place) else known
        for turn in turns:
            yield from (f"{place}.{n}" for n in turn if n not in names and _stated(turn[n]))


def _stated(value: Any) -> bool:
    return value not in (None, "", [], {})


def _skipped(marked: Any, turns: list[Turn], start: int, *, where: str) -> frozenset[int]:
    """Return the places of replies that are no answers to learn: those before any user's turn, and
    those marked in the file (`weight` 0 of OpenAI's format, `train` or `loss` false). marked: the
    turns as the row has them, without a system message or a prompt in front."""
    said = {place for place, turn in enumerate(turns) if turn["role"] == "assistant"}
    users = [place for place, turn in enumerate(turns) if turn["role"] == "user"]
    early = {place for place in said if place < min(users, default=len(turns))}
    marks = marked if isinstance(marked, list) else []
    offset = len(turns) - len(marks)
    off = {offset + place for place, turn in enumerate(marks) if _is_off(turn, where=where)}
    return frozenset(said & (off | early if start == 0 else off))


def _is_off(turn: Mapping[str, Any], *, where: str) -> bool:
    stated = {name: turn[name] for name in _MARKS if name in turn}
    for name, value in stated.items():
        if value not in (0, 1):  # and so False and True
            raise UserError(
                f"{where}: {name} {value!r} of a turn: only 0 and 1 (false and true) can be used"
            )
    return not all(stated.values())


def _check_text(chat: Chat, *, where: str) -> None:
    values = [chat.turns, chat.tools, chat.template, chat.persona]
    try:
        json.dumps(values, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        raise UserError(
            f"{where}: the text holds half of a surrogate pair, which no tokenizer reads; repair "
            "the file"
        ) from None


def _is_sharegpt(turns: Any, field: str) -> bool:
    """Return whether turns have the names of ShareGPT; under `messages` only if one says `from`."""
    if isinstance(turns, list) and any(isinstance(t, dict) and "from" in t for t in turns):
        return True
    roles = ("system", "user", "assistant", "tool")
    return field in _TURNS[1:] and not (
        isinstance(turns, list)
        and turns
        and all(isinstance(turn, dict) and turn.get("role") in roles for turn in turns)
    )


def _of_sharegpt(turns: Any, *, field: str, where: str) -> list[Turn]:
    if isinstance(turns, list) and all(isinstance(turn, dict) for turn in turns):
        turns = [
            {
                **{name: turn[name] for name in PARTS if name in turn},
                "from": turn.get("from", turn.get("role")),
                "value": turn.get("value", turn.get("content")),
            }
            for turn in turns
        ]
    parsed = read_model(_ShareGpt, {"conversations": turns}, where=where)
    result = []
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
    turns: list[Turn] = []
    for question, answer in row.history or ():
        turns += [*_turns(question, "user"), *_turns(answer, "assistant")]
    question = alpaca_question(row.instruction, row.input)
    return [*turns, *_turns(question, "user"), *_turns(row.output, "assistant")]


def _turns(value: Any, role: str) -> list[Turn]:
    if isinstance(value, str):
        return [{"role": role, "content": value}]
    return [turn.turn() for turn in value]
