"""Models of everything that is read from a file, the environment or the command line.

Precedence for a run: command line > SFR_EVAL_* > --config file > suite > default. A field that
nobody set stays None where the suite or the engine decides, and the resolved value is recorded.
"""

import math
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

import yaml
from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    ValidationError,
    field_validator,
    model_validator,
)

from sfr_eval.errors import UserError, did_you_mean
from sfr_eval.temperature import checked_temperatures, parse_temperatures
from sfr_eval.thinking import declared
from sfr_eval.util.reading import _BRIEF, one_line, read_yaml_mapping

ENVIRONMENT_PREFIX = "SFR_EVAL_"

_BRIEF.maxstring = _BRIEF.maxother = 200


SuiteName = Annotated[str, Field(min_length=1)]


@dataclass(frozen=True)
class Shard:
    """Share `index` (from 1) of `of` of a run; see `plan.make_plan`."""

    index: int
    of: int

    @classmethod
    def parse(cls, text: str) -> "Shard":
        """Read `i/n`; ValueError says what is wrong."""
        index, slash, of = text.partition("/")
        if not (slash and index.isascii() and index.isdigit() and of.isascii() and of.isdigit()):
            raise ValueError("write i/n, like 1/16")
        found = cls(int(index), int(of))
        if not 1 <= found.index <= found.of:
            raise ValueError(f"i runs from 1 to {found.of}")
        return found

    @property
    def suffix(self) -> str:
        """Of the name of its run folder; sorts in order."""
        return f"-shard-{self.index:0{len(str(self.of))}d}-of-{self.of}"

    def __str__(self) -> str:
        return f"{self.index}/{self.of}"


class RunConfig(BaseModel):
    """One run: which checkpoint, which suites, how it is sampled, where it is kept."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    model: str = Field(description="hub id[@revision], folder, LoRA folder, demo[:base], world:...")
    suite: tuple[SuiteName, ...] = Field(min_length=1, description="suite name or folder")
    engine: Literal["auto", "vllm", "transformers", "world", "openai", "ray"] = "auto"
    base_url: tuple[str, ...] | None = Field(
        None, description="OpenAI-compatible server of --model; repeatable for replicas"
    )
    samples: int | None = Field(None, ge=1, description="completions per prompt and temperature")
    temperatures: tuple[float, ...] | None = None
    sampling: Literal["neutral", "model"] = Field(
        "neutral", description="neutral: nothing but temperature; model: its generation_config"
    )
    max_tokens: int | None = Field(None, ge=1)
    limit: int | None = Field(None, ge=1, description="first N queries, each with all personas")
    seed: int = Field(0, ge=0, lt=2**63)
    output: Path | None = Field(None, description="run folder; default runs/<model>-<plan hash>")
    personas: tuple[str, ...] | None = Field(None, description="subset of the suite's personas")
    system_role: Literal["error", "merge"] = Field(
        "error", description="template refuses a system message: error, or merge into user turn"
    )
    chat_template: Path | None = Field(None, description="Jinja file; default the tokenizer's own")
    dtype: Literal["auto", "float32", "bfloat16", "float16"] = "auto"
    max_model_len: int | None = Field(None, ge=8)
    gpu_memory_utilization: float = Field(0.9, gt=0, le=1)
    tensor_parallel: int = Field(1, ge=1, description="GPUs that share one copy of the model")
    replicas: int | None = Field(
        None, ge=1, description="engine ray: copies of the model; default all GPUs, or a node each"
    )
    ray_address: str | None = Field(
        None, min_length=1, description="auto or host:port; default RAY_ADDRESS, else this machine"
    )
    shard: str | None = Field(
        None, description="i/n: draw only every n-th query, from the i-th on, for array jobs"
    )
    workers: int | None = Field(None, ge=1, description="processes that score; default one")
    trust_remote_code: bool = False
    think_tags: str = Field(
        "auto", description="<think>,</think> or none; auto: those of the chat template"
    )
    metrics: tuple[str, ...] | None = Field(None, description="metric families; default all")
    encoder: str | None = Field(None, description="sentence-transformers name or folder")
    encoder_backend: Literal["float32", "bfloat16", "onnx"] = Field(
        "float32", description="the others are faster; how far they are off is reported"
    )
    encoder_long_texts: Literal["truncate", "chunk"] = Field(
        "truncate", description="beyond the encoder's window: cut off, or mean of the parts"
    )
    style_data: Path | None = Field(None, description="persona-labelled JSONL for the probe")
    tokenizer: str = Field(
        "words-v1", description="words-v1, characters-v1, blanks-v1, rouge-v1, or a tokenizer.json"
    )
    token_window: int | None = Field(
        None, ge=1, description="lexical measures read the first N tokens of each reply"
    )
    data: str | None = Field(None, description="code suites: JSONL file, or `small`")
    release: str | None = Field(None, description="mbpp: full, sanitized; lcb: release_v5")
    window: str | None = Field(None, description="livecodebench: 2024-08:2025-01")
    prompt_form: str | None = Field(None, description="chat; mbpp: few-shot; humaneval: completion")
    verdict_mode: Literal["faithful", "lcb-compat", "evalplus"] | None = None
    regrade: float = Field(0.1, ge=0, le=1, description="share of programs that is graded twice")
    grade_workers: int | None = Field(None, ge=1, description="default: physical cores")
    unsafe_code: bool = Field(False, description="run programs even where nothing isolates them")
    base_model: str | None = Field(
        None, description="what --model was trained from, for geometry and tokens"
    )
    layers: tuple[int, ...] | None = Field(
        None, min_length=1, description="layers that geometry looks at, 0 the embedding; default 5"
    )
    concurrency: int = Field(32, ge=1, le=4096, description="requests in flight, for servers")
    timeout: float = Field(600.0, gt=0, description="seconds for one answer of a server")
    prices: tuple[float, float] | None = Field(
        None, description="dollars for a million prompt and completion tokens"
    )
    max_cost: float | None = Field(None, gt=0, description="dollars; needs prices")
    judge: tuple[str, ...] | None = Field(None, description="model or URL[#model]; repeatable")
    judge_axes: tuple[str, ...] = Field(("ctx", "rel", "flu"), min_length=1)
    judge_votes: int = Field(1, ge=1, le=99, description="answers of a judge to one question")
    judge_prices: tuple[float, float] | None = None
    judge_calibration: Path | None = Field(None, description="file of `sfr-eval calibrate`")
    track: tuple[Literal["mlflow", "wandb", "none"], ...] | None = Field(
        None, description="log results there; default: where MLFLOW_TRACKING_URI, WANDB_PROJECT say"
    )
    track_artifacts: bool = Field(True, description="with results.json, manifest and report")

    @model_validator(mode="after")
    def _check_cost(self) -> "RunConfig":
        if self.max_cost is not None:
            for name, asked in (
                ("prices", self.engine == "openai" or self.base_url is not None),
                ("judge_prices", self.judge is not None),
            ):
                if asked and getattr(self, name) is None:
                    shown = name.replace("_", "-")
                    raise ValueError(f"max-cost: needs --{shown} PROMPT,COMPLETION per million")
        return self

    @field_validator("think_tags", mode="before")
    @classmethod
    def _join_tags(cls, value: Any) -> Any:
        return ",".join(map(str, value)) if isinstance(value, list | tuple) else value

    @field_validator("think_tags")
    @classmethod
    def _check_tags(cls, value: str) -> str:
        if value != "auto":
            declared(value)
        return value

    @model_validator(mode="after")
    def _check_together(self) -> "RunConfig":
        for name in ("replicas", "ray_address"):
            if getattr(self, name) is not None and self.engine != "ray":
                raise ValueError(f"{name.replace('_', '-')}: belongs to --engine ray")
        if self.shard is not None and self.judge is not None:
            raise ValueError("judge: give it to `sfr-eval score`, when the shards are put together")
        return self

    @field_validator("shard")
    @classmethod
    def _check_shard(cls, value: str | None) -> str | None:
        if value is not None:
            Shard.parse(value)
        return value

    @field_validator("prices", "judge_prices", mode="before")
    @classmethod
    def _split_prices(cls, value: Any) -> Any:
        return tuple(value.split(",")) if isinstance(value, str) else value

    @field_validator("prices", "judge_prices")
    @classmethod
    def _check_prices(cls, value: tuple[float, float] | None) -> tuple[float, float] | None:
        if value is not None and not all(0 <= price < math.inf for price in value):
            raise ValueError("two prices of 0 or more")
        return value

    @field_validator("temperatures", mode="before")
    @classmethod
    def _read_temperatures(cls, value: Any) -> Any:
        return parse_temperatures(value) if isinstance(value, str) else value

    @field_validator("temperatures")
    @classmethod
    def _check_temperatures(cls, value: tuple[float, ...] | None) -> tuple[float, ...] | None:
        return None if value is None else checked_temperatures(value)

    @field_validator(
        "samples",
        "max_tokens",
        "limit",
        "seed",
        "max_model_len",
        "token_window",
        "replicas",
        "tensor_parallel",
        "workers",
        mode="before",
    )
    @classmethod
    def _refuse_bool(cls, value: Any) -> Any:
        if isinstance(value, bool):  # `--max-tokens` without its number; pydantic would read 1
            raise ValueError("needs a number")
        return value

    @field_validator("layers", mode="before")
    @classmethod
    def _read_layers(cls, value: Any) -> Any:
        return parse_layers(value)

    @field_validator(
        "suite", "personas", "metrics", "base_url", "judge", "judge_axes", "track", mode="before"
    )
    @classmethod
    def _split_names(cls, value: Any) -> Any:
        return tuple(value.split(",")) if isinstance(value, str) else value


def parse_layers(value: Any) -> Any:
    """`0,6,12` or one number as a tuple; anything else is left to the model to judge."""
    if isinstance(value, bool):  # `--layers` without its number
        raise ValueError("needs a list of numbers like 0,6,12")
    if isinstance(value, int):
        return (value,)
    if isinstance(value, str):
        try:
            return tuple(int(part) for part in value.split(","))
        except ValueError:
            raise ValueError(f"`{value}` is not a list of numbers like 0,6,12") from None
    return value


def layers_option(text: str | None) -> tuple[int, ...] | None:
    """The value of a verb's --layers; UserError for what is no list of layers."""
    try:
        found: tuple[int, ...] | None = parse_layers(text)
    except ValueError as error:
        raise UserError(f"--layers: {error}") from None
    return found


def load_run_config(
    overrides: Mapping[str, Any],
    *,
    file: Path | None = None,
    environment: Mapping[str, str] | None = None,
) -> RunConfig:
    """Merge file, environment and command line (`overrides`, None = not given) into a RunConfig."""
    values: dict[str, Any] = {}
    if file is not None:
        values.update(read_yaml_mapping(file))
        _refuse_unknown(values, where=str(file))
    known = RunConfig.model_fields
    for name, text in (os.environ if environment is None else environment).items():
        field = name.removeprefix(ENVIRONMENT_PREFIX).lower()
        if name.startswith(ENVIRONMENT_PREFIX) and field in known:
            values[field] = text
    values.update({name: value for name, value in overrides.items() if value is not None})
    _refuse_unknown(values, where="--set")
    for required in ("model", "suite"):
        if not values.get(required):
            raise UserError(f"--{required}: not given; name one, e.g. {_EXAMPLE[required]}")
    try:
        return RunConfig.model_validate(values)
    except ValidationError as error:
        raise UserError(one_line(error, where="--")) from None


_JUDGE_SETTINGS = ("judge", "max_cost", "concurrency", "timeout")


def read_judge_options(values: Mapping[str, Any]) -> RunConfig:
    """Judge settings of a verb that draws nothing; UserError for any other setting."""
    known = [n for n in RunConfig.model_fields if n.startswith("judge") or n in _JUDGE_SETTINGS]
    for name in values:
        if name not in known:
            raise UserError(f"--set: unknown setting `{name}`; {did_you_mean(name, known)}")
    try:
        return RunConfig.model_validate({"model": "none", "suite": ("none",), **values})
    except ValidationError as error:
        raise UserError(one_line(error, where="--")) from None


_EXAMPLE = {"model": "--model demo", "suite": "--suite persona"}


def _refuse_unknown(values: Mapping[str, Any], *, where: str) -> None:
    for name in values:
        if name not in RunConfig.model_fields:
            raise UserError(
                f"{where}: unknown setting `{name}`; {did_you_mean(name, RunConfig.model_fields)}"
            )


def parse_assignments(assignments: Sequence[str]) -> dict[str, Any]:
    """`--set name=value` pairs; a value is read as YAML, so 3, true and [a, b] have their types."""
    values: dict[str, Any] = {}
    for assignment in assignments:
        name, separator, text = assignment.partition("=")
        if not separator or not name:
            raise UserError(f"--set {assignment}: write name=value")
        try:
            values[name.strip().replace("-", "_")] = yaml.safe_load(text)
        except (yaml.YAMLError, ValueError, RecursionError):
            raise UserError(f"--set {assignment}: the value is not valid YAML; quote it") from None
    return values
