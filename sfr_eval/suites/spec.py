"""The files of a suite: suite.yaml, queries, persona cards."""

from typing import Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from sfr_eval.config import Temperatures
from sfr_eval.store.manifest import SUITE_ID
from sfr_eval.store.primary import PrimaryFamily

TOKEN_WINDOW = 32
"""Tokens that replies have in common, by default. In the persona suite 98 of 100 replies have as
many; on NoveltyBench's archive the lexical measures of a prompt agree with its classes better at 32
and 64 than on whole replies (docs/metrics/lexical_sets.md)."""


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
    prompt_format: Literal["chat", "completion"] = Field(
        "chat", description="completion: no chat template; the model continues the text"
    )
    primary: PrimaryFamily | None = Field(
        None, description="the measures about which a comparison decides; None: chosen by rule"
    )
    token_window: int | None = Field(
        None,
        ge=0,
        description="measures of words and meaning read the first N tokens of each reply, or all "
        f"with 0; default: {TOKEN_WINDOW}, of code suites 0",
    )

    def window(self, choice: int | None = None) -> int | None:
        """Return how many tokens of a reply are compared, None for all. `choice` is
        --token-window, which overrides the suite unless it is None; 0 stands for all."""
        default = 0 if self.code is not None else TOKEN_WINDOW
        choices = (value for value in (choice, self.token_window) if value is not None)
        return next(choices, default) or None


class Turn(BaseModel):
    """One message of a query that has several."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    role: Literal["system", "user", "assistant"]
    content: str = Field(min_length=1)


class QueryRow(BaseModel):
    """One line of a suite's queries file: a `text`, or `messages` that end with the user's."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    id: str = Field(pattern=r"^[A-Za-z0-9._-]+$", max_length=200)
    text: str = Field("", description="what the user asks; leave it out with messages")
    messages: tuple[Turn, ...] = Field((), description="system, earlier turns, few-shot examples")
    category: str = Field("", description="results are also shown for each category")
    references: tuple[str, ...] = Field((), description="replies of people or of a base model")
    answers: tuple[str, ...] = Field((), description="all right answers, if they are known")

    @property
    def question(self) -> str:
        """What is asked last: the text, or the user's last message."""
        return self.messages[-1].content if self.messages else self.text

    @model_validator(mode="after")
    def _check_prompt(self) -> Self:
        if not self.messages and not self.text:
            raise ValueError("text: missing; give text or messages")
        if self.messages and self.messages[-1].role != "user":
            raise ValueError("messages: must end with a message of the user")
        if self.text not in ("", self.question):
            raise ValueError("text: is not the last message; leave it out")
        return self


class PersonaRow(BaseModel):
    """One persona of a suite's card file."""

    model_config = ConfigDict(extra="forbid")

    id: str = Field(pattern=r"^[a-z0-9_-]+$", max_length=100)
    name: str
    system: str = Field(min_length=1)
    held_out: bool = False
    example_replies: tuple[str, ...] = ()
