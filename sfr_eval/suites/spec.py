"""The files of a suite: suite.yaml, queries, persona cards."""

import re
from collections.abc import Mapping
from functools import cached_property
from math import fsum
from typing import Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from sfr_eval.config import Temperatures
from sfr_eval.settings import SamplingFilters
from sfr_eval.store.manifest import SUITE_ID
from sfr_eval.store.primary import PrimaryFamily
from sfr_eval.suites.naming import Naming

TOKEN_WINDOW = 32
"""Tokens that replies have in common, by default. In the persona suite 98 of 100 replies have as
many; on NoveltyBench's archive the lexical measures of a prompt agree with its classes better at 32
and 64 than on whole replies (docs/metrics/lexical_sets.md)."""


class PromptSource(BaseModel):
    """Where prompts are that a suite may not ship: a data set on the Hub, or a known file on the
    web."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    hub: str | None = Field(None, description="data set on the Hub, owner/name")
    revision: str = Field("main", description="of the data set: a commit, or main")
    split: str = "train"
    url: str | None = Field(None, pattern="^https://", description="JSON lines, also .gz")
    sha256: str = Field("", description="of the file at url")
    rows: int | None = Field(None, ge=1, description="how many prompts the published set has")
    text_field: str = "text"
    id_field: str | None = Field(None, description="default: p1, p2, ... in order")
    category_field: str | None = None

    @model_validator(mode="after")
    def _check_place(self) -> Self:
        if (self.hub is None) == (self.url is None):
            raise ValueError("give either hub or url")
        if self.url is not None and not re.fullmatch("[0-9a-f]{64}", self.sha256):
            raise ValueError("sha256: a file at a url needs its hash of 64 digits")
        return self


CodeKind = Literal["mbpp", "livecodebench", "humaneval", "mbpp-plus", "humaneval-plus"]


class SuiteSpec(SamplingFilters):
    """A suite.yaml: its prompts, how often and by which decoder each is sampled, and which metrics
    are computed."""

    id: str = Field(pattern=SUITE_ID, max_length=100)
    version: str = Field(min_length=1)
    title: str
    description: str = ""
    world: Literal["persona", "teacher"] | None = Field(
        None,
        description="reference distribution: synthetic benchmark, or a frozen model (--teacher)",
    )
    code: CodeKind | None = Field(
        None, description="kind of coding problems; they are fetched, or come from --data"
    )
    math: bool = Field(False, description="problems with one right value; Hub or --data")
    queries: str | None = Field(None, description="JSONL of {id, text}; unless the world has them")
    prompts: PromptSource | None = Field(
        None, description="in place of queries: prompts that are fetched, or come from --data"
    )
    persona_cards: str | None = Field(None, description="YAML list of {id, name, system}")
    temperatures: Temperatures = (0.7, 1.0)
    samples: int = Field(8, ge=1)
    max_tokens: int = Field(256, ge=1)
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
    law: Literal["uniform"] | Mapping[str, float] | None = Field(
        None, description="how often each answer is asked for: uniform, or answer -> probability"
    )
    aliases: Mapping[str, tuple[str, ...]] = Field({}, description="answer -> other spellings")
    near_misses: tuple[str, ...] = Field((), description="spellings that only look like an answer")

    @property
    def question(self) -> str:
        """What is asked last: the text, or the user's last message."""
        return self.messages[-1].content if self.messages else self.text

    @property
    def probabilities(self) -> Mapping[str, float] | None:
        """The law as answer -> probability; None if the question states none."""
        if self.law == "uniform":
            return dict.fromkeys(self.answers, 1 / len(self.answers))
        return self.law

    @cached_property
    def naming(self) -> Naming:
        """Reads which of the answers a reply names."""
        return Naming(self.answers, self.aliases, self.near_misses)

    @model_validator(mode="after")
    def _check_answers(self) -> Self:
        if len(set(self.answers)) < len(self.answers):
            raise ValueError("answers: one is named twice")
        if not self.answers and (self.law or self.aliases or self.near_misses):
            raise ValueError("answers: missing; law, aliases and near_misses say more about them")
        if isinstance(self.law, Mapping):
            if set(self.law) != set(self.answers):
                raise ValueError("law: must give a probability to each of the answers, no other")
            if min(self.law.values()) <= 0 or abs(fsum(self.law.values()) - 1) > 1e-6:
                raise ValueError("law: probabilities must be above 0 and sum to 1")
        _ = self.naming  # raises ValueError for spellings that two answers share
        return self

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
    brief: str = Field("", description="names the persona only; teacher suites ask with it")
    held_out: bool = False
    example_replies: tuple[str, ...] = ()
