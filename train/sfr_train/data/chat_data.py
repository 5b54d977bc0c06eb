"""The chats of a data set: files, data sets of the Hub, or text from the synthetic benchmark.

Rows have one of the forms of `sfr_eval.util.chat_rows`. `persona` is optional and names a card of
`personas`: its text becomes the system message. `rows` makes training rows of the chats.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path
from typing import Any

from pydantic import ConfigDict, Field, model_validator

from sfr_eval.errors import UserError, did_you_mean
from sfr_eval.suites.spec import PersonaRow
from sfr_eval.suites.world.persona import PersonaWorld
from sfr_eval.util.assets import find_suite
from sfr_eval.util.chat_rows import RESERVED_OPTIONS, Chat, chat_of_row
from sfr_eval.util.reading import read_model, read_yaml
from sfr_eval.util.tabular import table_rows
from sfr_train.data.world_text import persona_chats
from sfr_train.settings import Settings


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
    validation: float = Field(
        0.0,
        ge=0,
        allow_inf_nan=False,
        description="chats to hold out, drawn at random: a share, or a number",
    )
    validation_seed: int = Field(0, ge=0, description="of the chats held out")
    validation_file: Path | None = Field(None, description="chats to validate on, all of them")
    template: dict[str, Any] = Field(
        default_factory=dict, description="options of the chat template, as enable_thinking: false"
    )

    @model_validator(mode="after")
    def _one_source(self) -> "DataSettings":
        if sum(source is not None for source in (self.file, self.dataset, self.world)) != 1:
            raise ValueError("give one of file, dataset and world")
        if self.validation and self.validation_file is not None:
            raise ValueError("give validation or validation_file, not both")
        if reserved := RESERVED_OPTIONS & self.template.keys():
            raise ValueError(f"template: {min(reserved)} is no option of a template; remove it")
        return self


class _Card(PersonaRow):
    model_config = ConfigDict(extra="ignore")


@dataclass(frozen=True, kw_only=True)
class Source:
    """Where rows come from: a file, a data set that is open, or the synthetic benchmark."""

    file: Path | None = None
    dataset: Any = None
    name: str = ""
    world: WorldRows | None = None
    limit: int | None = None

    def rows(self) -> Iterator[tuple[str, Any]]:
        """Yield rows, each with its place for messages."""
        return islice(self._all(), self.limit)

    def _all(self) -> Iterator[tuple[str, Any]]:
        if self.file is not None:
            yield from table_rows(self.file)
        elif self.world is not None:
            world = PersonaWorld.load(find_suite("persona"))
            rows = persona_chats(
                world, rows=self.world.rows, seed=self.world.seed, personas=self.world.personas
            )
            for number, chat in enumerate(rows, start=1):
                yield f"world row {number}", chat
        else:
            for number, row in enumerate(self.dataset, start=1):
                yield f"{self.name} row {number}", row


def chats_of(source: Source, settings: DataSettings) -> Iterator[tuple[str, Chat]]:
    """Yield the chats of a source, each with its place and behind the card of its persona. Raises
    UserError for the first row that is none."""
    cards = persona_cards(settings.personas) if settings.personas else {}
    for where, row in source.rows():
        chat = chat_of_row(row, where=where, with_tools=True)
        yield where, _with_card(chat, cards, where=where, card_file=settings.personas)


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
