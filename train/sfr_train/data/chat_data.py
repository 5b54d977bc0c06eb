"""Training data: chat files, Hub data sets, or the synthetic benchmark.

Rows have one of the forms of `sfr_eval.util.chat_rows`. `persona` is optional and names a card of
`personas`: its text becomes the system message.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import Any

from pydantic import ConfigDict, Field, model_validator

from sfr_eval.errors import UserError, did_you_mean
from sfr_eval.suites.spec import PersonaRow
from sfr_eval.suites.world.persona import PersonaWorld
from sfr_eval.util.assets import find_suite
from sfr_eval.util.chat_rows import Chat, chat_of_row
from sfr_eval.util.reading import read_model, read_yaml
from sfr_eval.util.tabular import table_rows
from sfr_train.data.hub import load_dataset
from sfr_train.data.world_text import persona_chats
from sfr_train.settings import Settings

Row = dict[str, Any]


class WorldRows(Settings):
    """Persona-labelled chats from the grammar of the persona suite (key `world`)."""

    rows: int = Field(ge=1)
    seed: int = Field(0, ge=0)
    personas: tuple[str, ...] | None = Field(None, description="default: all but the held-out one")


class DataSettings(Settings):
    """The source of the rows: one of file, dataset and world."""

    file: Path | None = Field(None, description="chats: JSON lines or a JSON list")
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


class _Card(PersonaRow):
    model_config = ConfigDict(extra="ignore")


def load_rows(settings: DataSettings) -> tuple[list[Row], list[Row]]:
    """Read training and validation rows: {prompt, completion} or, with several replies, {messages}.
    All rows of a data set have the same keys, because tables need columns."""
    cards = persona_cards(settings.personas) if settings.personas else {}
    chats = [
        _with_card(chat_of_row(row, where=where), cards, where=where, card_file=settings.personas)
        for where, row in islice(_source(settings), settings.limit)
    ]
    if not chats:
        raise UserError("data: has no rows")
    share = settings.validation
    held_out = round(share * len(chats)) if share < 1 else int(share)
    if held_out >= len(chats):
        raise UserError(f"data.validation: {held_out} of {len(chats)} rows leave none to train on")
    rows, apart = chats[: len(chats) - held_out], chats[len(chats) - held_out :]
    whole = learned_whole(chats)
    return rows_of(rows, whole=whole), rows_of(apart, whole=whole)


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


def learned_whole(chats: Sequence[Chat]) -> bool:
    """Return whether some chat has several replies, and none has a prompt apart or a reply that is
    not to be learned, which no mask over whole chats could leave out."""
    several = any(len(list(chat.replies())) > 1 for chat in chats)
    context = (turn for chat in chats for turn in chat.turns[: chat.start])
    whole = all(turn["role"] == "system" for turn in context)
    return several and whole and not any(chat.skipped for chat in chats)


def rows_of(chats: Sequence[Chat], *, whole: bool) -> list[Row]:
    """Return a row {messages} of each chat, or, unless `whole`, {prompt, completion} of each
    reply."""
    if whole:
        return [{"messages": list(chat.turns)} for chat in chats]
    return [
        {"prompt": list(before), "completion": list(reply)}
        for chat in chats
        for before, reply in chat.replies()
    ]


def _with_card(chat: Chat, cards: Mapping[str, str], *, where: str, card_file: Path | None) -> Chat:
    """Put the card of the chat's persona in front."""
    if not chat.persona:
        return chat
    if chat.persona not in cards:
        if card_file is None:
            raise UserError(f"{where}: names persona `{chat.persona}`; set data.personas")
        raise UserError(
            f"{where}: persona `{chat.persona}` has no card in {card_file}; "
            + did_you_mean(chat.persona, cards)
        )
    if chat.turns[0]["role"] == "system":
        raise UserError(f"{where}: has both a persona and a system message; remove one")
    card = {"role": "system", "content": cards[chat.persona]}
    skipped = frozenset(place + 1 for place in chat.skipped)
    return replace(chat, turns=(card, *chat.turns), start=chat.start + 1, skipped=skipped)


def _source(settings: DataSettings) -> Iterator[tuple[str, Any]]:
    """Yield rows, each with its location for error messages."""
    if settings.file is not None:
        yield from table_rows(settings.file)
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
