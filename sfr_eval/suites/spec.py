"""The files of a suite: suite.yaml, queries, persona cards."""

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from sfr_eval.config import Temperatures
from sfr_eval.store.manifest import SUITE_ID
from sfr_eval.store.primary import PrimaryFamily


class SuiteSpec(BaseModel):
    """A suite.yaml: its prompts, how often each is sampled, and which metrics are computed."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    id: str = Field(pattern=SUITE_ID, max_length=100)
    version: str = Field(min_length=1)
    title: str
    description: str = ""
    world: Literal["persona"] | None = Field(None, description="synthetic benchmark of this suite")
    code: Literal["mbpp", "livecodebench", "humaneval"] | None = Field(
        None, description="kind of coding problems; they come from the Hub or from --data"
    )
    queries: str | None = Field(None, description="JSONL of {id, text}; unless the world has them")
    persona_cards: str | None = Field(None, description="YAML list of {id, name, system}")
    temperatures: Temperatures = (0.7, 1.0)
    samples: int = Field(8, ge=1)
    max_tokens: int = Field(256, ge=1)
    stop: tuple[str, ...] = ()
    metrics: tuple[str, ...] = Field(min_length=1)
    primary: PrimaryFamily | None = Field(
        None, description="the measures about which a comparison decides; None: chosen by rule"
    )


class QueryRow(BaseModel):
    """One line of a suite's queries file."""

    model_config = ConfigDict(extra="forbid")

    id: str = Field(pattern=r"^[A-Za-z0-9._-]+$", max_length=200)
    text: str = Field(min_length=1)


class PersonaRow(BaseModel):
    """One persona of a suite's card file."""

    model_config = ConfigDict(extra="forbid")

    id: str = Field(pattern=r"^[a-z0-9_-]+$", max_length=100)
    name: str
    system: str = Field(min_length=1)
    held_out: bool = False
    example_replies: tuple[str, ...] = ()
