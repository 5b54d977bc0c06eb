"""A training recipe: one YAML file that decides everything about one checkpoint."""

from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from sfr_eval.errors import UserError, did_you_mean
from sfr_eval.util.reading import read_model, read_yaml_mapping

FOLDER = Path(__file__).parents[1] / "recipes"


class NewModel(BaseModel):
    """Sizes of a Qwen3-shaped model that starts from random weights; heads are 32 wide."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    vocabulary: int = Field(ge=512)
    hidden_size: int = Field(ge=64, multiple_of=64)
    layers: int = Field(ge=1)
    intermediate_size: int = Field(ge=64)
    max_positions: int = Field(1024, ge=64)
    embeddings: Literal["random", "latent_semantic"] = "random"


class WorldData(BaseModel):
    """Training text from the suite's world: `wide` chats (a share under a card, the others under
    a name) or `persona` chats (all under a card)."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    text: Literal["wide", "persona"]
    rows: int = Field(ge=1)
    pages: int = Field(0, ge=0, description="with wide: handbook pages, all clauses of a query")
    topics: int | None = Field(None, ge=1, description="only the first so many of the suite")
    card_share: float = Field(0.5, ge=0, le=1, description="with wide: chats under a whole card")
    joined_questions: float = Field(
        0.0, ge=0, le=1, description="with wide: questions put in two ways in a row"
    )
    dropped_words: float = Field(0.0, ge=0, lt=1, description="with wide: words of a question")


class Recipe(BaseModel):
    """One training run. Either `new_model` or `start_from` (another recipe's checkpoint)."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str = Field(pattern=r"^[a-z0-9-]+$")
    seed: int = Field(0, ge=0)
    world: Literal["persona"]
    new_model: NewModel | None = None
    start_from: str | None = None
    data: WorldData
    loss_on: Literal["all", "completion"]
    epochs: int = Field(ge=1)
    batch_size: int = Field(ge=1)
    learning_rate: float = Field(gt=0)
    optimizer: Literal["adamw", "muon"] = "adamw"
    embedding_learning_rate_factor: float = Field(
        1.0, gt=0, description="with muon: learning rate of what AdamW trains, relative"
    )
    packed_length: int | None = Field(
        None, ge=32, description="cut the joined text into rows of so many tokens; default one row"
    )
    warmup_share: float = Field(0.03, ge=0, lt=1)
    weight_decay: float = Field(0.0, ge=0)
    objective: dict[str, Any] = Field(default_factory=lambda: {"name": "ce"})
    schedule: dict[str, Any] = Field(default_factory=dict, description="of a loss on the future")
    targets: dict[str, Any] = Field(default_factory=dict, description="of a loss on the future")

    @model_validator(mode="after")
    def _one_start(self) -> "Recipe":
        if (self.new_model is None) == (self.start_from is None):
            raise ValueError("give either new_model or start_from")
        return self


def load_recipe(name: str) -> Recipe:
    """A recipe of this package by file name without ending."""
    file = FOLDER / f"{name}.yaml"
    if not file.is_file():
        known = [path.stem for path in FOLDER.glob("*.yaml")]
        raise UserError(f"recipe {name}: unknown; {did_you_mean(name, known)}")
    return read_model(Recipe, read_yaml_mapping(file), where=str(file))
