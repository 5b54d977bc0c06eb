"""A demo recipe: one YAML file that decides everything about one demo checkpoint."""

from typing import Any, Literal

from pydantic import Field, model_validator

from sfr_eval.util.reading import read_model, read_yaml_mapping
from sfr_train.job import recipe_file
from sfr_train.settings import Settings


class NewModel(Settings):
    """Sizes of a Qwen3-shaped model with random weights; attention heads are 32 wide."""

    vocabulary: int = Field(ge=512)
    hidden_size: int = Field(ge=64, multiple_of=64)
    layers: int = Field(ge=1)
    intermediate_size: int = Field(ge=64)
    max_positions: int = Field(1024, ge=64)
    embeddings: Literal["random", "latent_semantic"] = "random"


class WorldData(Settings):
    """Training text from the synthetic benchmark: `wide` chats (a share with a whole card, the
    others with a name) or `persona` chats (all with a card)."""

    text: Literal["wide", "persona"]
    rows: int = Field(ge=1)
    pages: int = Field(0, ge=0, description="with wide: pages that list all clauses of a query")
    topics: int | None = Field(None, ge=1, description="only the first N topics of the suite")
    card_share: float = Field(0.5, ge=0, le=1, description="with wide: share with a whole card")
    joined_questions: float = Field(
        0.0, ge=0, le=1, description="with wide: share of questions asked twice in a row"
    )
    dropped_words: float = Field(0.0, ge=0, lt=1, description="with wide: share of words")


class DemoRecipe(Settings):
    """One training run, from a `new_model` or from another recipe's checkpoint (`start_from`)."""

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
        1.0, gt=0, description="with muon: learning rate of the AdamW parameters, relative"
    )
    packed_length: int | None = Field(
        None, ge=32, description="cut the joined text into rows of N tokens; default: no packing"
    )
    warmup_share: float = Field(0.03, ge=0, lt=1)
    weight_decay: float = Field(0.0, ge=0)
    objective: dict[str, Any] = Field(default_factory=lambda: {"name": "ce"})
    schedule: dict[str, Any] = Field(default_factory=dict, description="of a loss on the future")
    targets: dict[str, Any] = Field(default_factory=dict, description="of a loss on the future")

    @model_validator(mode="after")
    def _one_start(self) -> "DemoRecipe":
        if (self.new_model is None) == (self.start_from is None):
            raise ValueError("give either new_model or start_from")
        return self


def load_recipe(name: str) -> DemoRecipe:
    """Read a demo recipe of this package by name."""
    file = recipe_file(name)
    return read_model(DemoRecipe, read_yaml_mapping(file), where=str(file))
