"""Chats in the forms in which people keep them: messages, prompt and completion, ShareGPT, Alpaca.

{"messages": [{"role": ..., "content": ...}, ...]}
{"prompt": [messages] or text, "completion": [messages] or text}
{"conversations": [{"from": "human", "value": ...}, ...], "system": ...}
{"instruction": ..., "input": ..., "output": ..., "history": [[q, a], ...], "system": ...}
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from sfr_eval.errors import UserError
from sfr_eval.util.field_names import ROLES, alpaca_question
from sfr_eval.util.reading import read_model

Turn = dict[str, str]
"""A message: role and content."""

CHAT_FIELDS = {"messages", "completion", "conversations", "conversation", "instruction"}
"""Fields of which every form of a chat has one."""


@dataclass(frozen=True, kw_only=True)
class Chat:
    """Turns, of which those from `start` on are to be learned or measured, except the `skipped`
    ones: a greeting before anything is asked, and what the row itself excludes."""

    turns: tuple[Turn, ...]
    start: int
    persona: str = ""
    skipped: frozenset[int] = frozenset()

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


class _Message(BaseModel):
    role: Literal["system", "user", "assistant"]
    content: str


class _ChatRow(BaseModel):
    """Messages, or a prompt and its completion; other fields are ignored."""

    messages: list[_Message] | None = None
    prompt: list[_Message] | str | None = None
    completion: list[_Message] | str | None = None

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
    value: str


class _ShareGpt(BaseModel):
    conversations: list[_Spoken] = Field(min_length=1)
    system: str | None = None


class _Alpaca(BaseModel):
    instruction: str
    input: str | None = None
    output: str
    history: list[tuple[str, str]] | None = None
    system: str | None = None


def chat_of_row(row: Any, *, where: str) -> Chat:
    """Return the chat of a row in any of the forms. Raises UserError for any other row, and for one
    without a reply."""
    if not isinstance(row, dict):
        raise UserError(f"{where}: must be an object, not {type(row).__name__}")
    persona = row.get("persona")
    if persona is not None and not isinstance(persona, str):
        raise UserError(f"{where}: persona: must be text, not {type(persona).__name__}")
    if (spoken := _sharegpt_field(row)) is not None:
        turns, start = _of_sharegpt(row, field=spoken, where=where), 0
    elif "instruction" in row and "output" in row:
        turns = _of_alpaca(read_model(_Alpaca, row, where=where))
        start = len(turns) - 1
    else:
        parsed = read_model(_ChatRow, row, where=where)
        if parsed.messages is not None:
            turns, start = [turn.model_dump() for turn in parsed.messages], 0
        else:
            prompt = _turns(parsed.prompt, "user")
            completion = _turns(parsed.completion, "assistant")
            if not any(turn["role"] == "assistant" for turn in completion):
                raise UserError(f"{where}: completion has no assistant turn")
            turns, start = prompt + completion, len(prompt)
    ends = [place for place, turn in enumerate(turns) if turn["role"] == "assistant"]
    if not ends:
        raise UserError(f"{where}: has no assistant turn, so there is nothing to train on")
    _check_text(turns, where=where)
    chat = Chat(
        turns=tuple(turns[: ends[-1] + 1]),
        start=start,
        persona=persona or "",
        skipped=_skipped(row, turns, start),
    )
    if next(chat.replies(), None) is None:
        raise UserError(f"{where}: no turn of the assistant answers a user's turn and is to learn")
    return chat


def _skipped(row: Mapping[str, Any], turns: list[Turn], start: int) -> frozenset[int]:
    """Return the places of replies that are no answers to learn: those before any user's turn, and
    those marked in the file (`weight` 0 of OpenAI's format, `train` or `loss` false)."""
    said = {place for place, turn in enumerate(turns) if turn["role"] == "assistant"}
    users = [place for place, turn in enumerate(turns) if turn["role"] == "user"]
    early = {place for place in said if place < min(users, default=len(turns))}
    field = next((n for n in ("completion", "messages", "conversations", "conversation")
                  if isinstance(row.get(n), list)), None)  # fmt: skip
    marks = row[field] if field is not None and "instruction" not in row else []
    offset = len(turns) - len(marks)  # of a system message or a prompt in front
    off = {
        offset + place
        for place, mark in enumerate(marks)
        if isinstance(mark, Mapping)
        and (mark.get("weight") == 0 or mark.get("train") is False or mark.get("loss") is False)
    }
    return frozenset(said & (off | early if start == 0 else off))


def _check_text(turns: list[Turn], *, where: str) -> None:
    try:
        "".join(turn["content"] for turn in turns).encode()
    except UnicodeEncodeError:
        raise UserError(
            f"{where}: the text holds half of a surrogate pair, which no tokenizer reads; repair "
            "the file"
        ) from None


def _sharegpt_field(row: Mapping[str, Any]) -> str | None:
    """Return the field that holds turns with the names of ShareGPT."""
    for field in ("conversations", "conversation", "messages"):
        turns = row.get(field)
        if field != "messages" and turns is not None:
            return field
        if isinstance(turns, list) and any(isinstance(t, dict) and "from" in t for t in turns):
            return field
    return None


def _of_sharegpt(row: Mapping[str, Any], *, field: str, where: str) -> list[Turn]:
    turns = row[field]
    if isinstance(turns, list) and all(isinstance(turn, dict) for turn in turns):
        turns = [
            {
                "from": turn.get("from", turn.get("role")),
                "value": turn.get("value", turn.get("content")),
            }
            for turn in turns
        ]
    parsed = read_model(_ShareGpt, {**row, "conversations": turns}, where=where)
    result = _system(parsed.system)
    for number, message in enumerate(parsed.conversations):
        role = ROLES.get(message.speaker.strip().casefold())
        if role is None:
            raise UserError(
                f"{where}: {field}.{number}: `{message.speaker}` is not a known speaker; give "
                f"one of {', '.join(ROLES)}"
            )
        result.append({"role": role, "content": message.value})
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
    return [turn.model_dump() for turn in value]
