"""Training data: chat JSONL with optional personas, Hub data sets, or the synthetic benchmark.

A row is one of

    {"messages": [{"role": ..., "content": ...}, ...], "persona": "pirate"}
    {"prompt": [messages] or text, "completion": [messages] or text, "persona": "pirate"}

`persona` is optional and names a card of `personas`: its text becomes the system message.
"""

from collections.abc import Iterator, Mapping
from itertools import islice
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from sfr_eval.errors import UserError, did_you_mean
from sfr_eval.suites.spec import PersonaRow
from sfr_eval.suites.world.persona import PersonaWorld
from sfr_eval.util.assets import find_suite
from sfr_eval.util.reading import json_lines, read_model, read_yaml
from sfr_train.data.hub import load_dataset
from sfr_train.data.world_text import persona_chats
from sfr_train.settings import Settings

Chat = dict[str, Any]


class WorldRows(Settings):
    """Persona-labelled chats from the grammar of the persona suite (key `world`)."""

    rows: int = Field(ge=1)
    seed: int = Field(0, ge=0)
    personas: tuple[str, ...] | None = Field(None, description="default: all but the held-out one")


class DataSettings(Settings):
    """The source of the rows: one of file, dataset and world."""

    file: Path | None = Field(None, description="chat JSONL")
    dataset: str | None = Field(None, description="data set on the Hub, or a local folder")
    subset: str | None = None
    split: str = "train"
    world: WorldRows | None = None
    personas: Path | None = Field(None, description="YAML list of cards {id, name, system}")
    limit: int | None = Field(None, ge=1, description="first N rows")
    validation: float = Field(0.0, ge=0, description="last rows to hold out: a share, or a number")

    @model_validator(mode="after")
    def _one_source(self) -> "DataSettings":
        if sum(source is not None for source in (self.file, self.dataset, self.world)) != 1:
            raise ValueError("give one of file, dataset and world")
        return self


class Turn(BaseModel):
    """One message."""

    role: Literal["system", "user", "assistant"]
    content: str


class ChatRow(BaseModel):
    """One line of a chat file; other fields are ignored."""

    messages: list[Turn] | None = None
    prompt: list[Turn] | str | None = None
    completion: list[Turn] | str | None = None
    persona: str | None = None

    @model_validator(mode="after")
    def _complete(self) -> "ChatRow":
        if (self.messages is None) == (self.prompt is None and self.completion is None):
            raise ValueError("needs either messages, or prompt and completion")
        if self.messages is None and (self.prompt is None or self.completion is None):
            raise ValueError("prompt and completion go together")
        return self


class _Card(PersonaRow):
    model_config = ConfigDict(extra="ignore")


def load_rows(settings: DataSettings) -> tuple[list[Chat], list[Chat]]:
    """Read training and validation rows: {prompt, completion} or, with several replies, {messages}.
    All rows of a data set have the same keys, because tables need columns."""
    cards = persona_cards(settings.personas) if settings.personas else {}
    rows = [
        chat_of(row, cards, where=where, card_file=settings.personas)
        for where, row in islice(_source(settings), settings.limit)
    ]
    if not rows:
        raise UserError("data: has no rows")
    if any("messages" in row for row in rows):
        rows = [
            row if "messages" in row else {"messages": row["prompt"] + row["completion"]}
            for row in rows
        ]
    share = settings.validation
    held_out = round(share * len(rows)) if share < 1 else int(share)
    if held_out >= len(rows):
        raise UserError(f"data.validation: {held_out} of {len(rows)} rows leave none to train on")
    return rows[: len(rows) - held_out], rows[len(rows) - held_out :]


def persona_cards(file: Path) -> dict[str, str]:
    """Read persona id -> system prompt from a YAML list of cards."""
    entries = read_yaml(file)
    if not isinstance(entries, list):
        raise UserError(f"{file}: must contain a list of persona cards")
    cards = [
        read_model(_Card, card, where=f"{file}: card {number}")
        for number, card in enumerate(entries, start=1)
    ]
    return {card.id: card.system for card in cards}


def chat_of(row: Any, cards: Mapping[str, str], *, where: str, card_file: Path | None) -> Chat:
    """Turn one row into prompt and completion, with the persona's card first."""
    if not isinstance(row, dict):
        raise UserError(f"{where}: must be an object, not {type(row).__name__}")
    parsed = read_model(ChatRow, row, where=where)
    if parsed.messages is not None:
        turns = [turn.model_dump() for turn in parsed.messages]
        replies = [i for i, turn in enumerate(turns) if turn["role"] == "assistant"]
        if not replies:
            raise UserError(f"{where}: has no assistant turn, so there is nothing to train on")
        turns = turns[: replies[-1] + 1]
    else:
        prompt = _turns(parsed.prompt, "user")
        completion = _turns(parsed.completion, "assistant")
        if not any(turn["role"] == "assistant" for turn in completion):
            raise UserError(f"{where}: completion has no assistant turn")
        turns, replies = prompt + completion, [len(prompt)]
    if parsed.persona is not None:
        if parsed.persona not in cards:
            if card_file is None:
                raise UserError(f"{where}: names persona `{parsed.persona}`; set data.personas")
            raise UserError(
                f"{where}: persona `{parsed.persona}` has no card in {card_file}; "
                + did_you_mean(parsed.persona, cards)
            )
        if turns[0]["role"] == "system":
            raise UserError(f"{where}: has both a persona and a system message; remove one")
        turns = [{"role": "system", "content": cards[parsed.persona]}, *turns]
    if parsed.messages is not None and len(replies) > 1:
        return {"messages": turns}
    first = next(i for i, turn in enumerate(turns) if turn["role"] == "assistant")
    return {"prompt": turns[:first], "completion": turns[first:]}


def _turns(value: Any, role: str) -> list[dict[str, str]]:
    if isinstance(value, str):
        return [{"role": role, "content": value}]
    return [turn.model_dump() for turn in value]


def _source(settings: DataSettings) -> Iterator[tuple[str, Any]]:
    """Yield rows, each with its location for error messages."""
    if settings.file is not None:
        yield from json_lines(settings.file)
    elif settings.world is not None:
        world = PersonaWorld.load(find_suite("persona"))
        source = settings.world
        chats = persona_chats(world, rows=source.rows, seed=source.seed, personas=source.personas)
        for number, chat in enumerate(chats, start=1):
            yield f"world row {number}", chat
    else:
        name = str(settings.dataset)
        rows = load_dataset(
            name, settings.subset, where=f"data.dataset {name}", split=settings.split
        )
        for number, row in enumerate(rows, start=1):
            yield f"{name} row {number}", {k: v for k, v in row.items() if v is not None}
