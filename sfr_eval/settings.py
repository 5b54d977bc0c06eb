"""The settings, group by group.

A setting is declared here (or in `config.RunConfig`) once: its name, type, default and description
become the option of the command line, its line in `--help`, the key of YAML files, of `--set` and
of the environment, and the keyword of the Python API. Names are unique over all groups.
"""

import json
import math
import os
from collections.abc import Callable, Iterable, Mapping
from datetime import date
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal, Self

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from sfr_eval.errors import UserError
from sfr_eval.temperature import checked_temperatures
from sfr_eval.thinking import parse_think_tags
from sfr_eval.util.assignments import read_assignments
from sfr_eval.util.reading import one_line

ENGINE, SUITE, OUTPUT, SCALING = "Model and engine", "Suite", "Output", "Scaling"
"""Sections of `--help`, for settings that belong elsewhere than the rest of their model."""


def setting(
    description: str,
    *,
    default: Any = None,
    group: str | None = None,
    whole: bool = False,
    **rules: Any,
) -> Any:
    """Declare a setting. `group` is its section of `--help`; default: that of its model. `whole`:
    texts that may hold commas and blanks, so that each option is one of them."""
    extra: Any = {"group": group, "whole": whole}
    return Field(default, description=description, json_schema_extra=extra, **rules)


class Settings(BaseModel):
    """A group of settings that some part of the program reads."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    group: ClassVar[str] = ""

    @classmethod
    def from_flat(cls, values: Mapping[str, Any], *, where: str = "--") -> Self:
        """Read this group from flat settings, such as a manifest's `config`; others are ignored.
        Raises UserError for a value that the setting does not take. `where`: the beginning of its
        name there, that of an option or of a field of a file."""
        try:
            return cls.model_validate(
                {name: value for name, value in values.items() if name in cls.model_fields}
            )
        except ValidationError as error:
            raise UserError(one_line(error, where=where)) from None


def parsed_by(parse: Callable[[str], Any]) -> BeforeValidator:
    """Parse a setting that is given as text; leave anything else to pydantic."""
    return BeforeValidator(lambda value: parse(value) if isinstance(value, str) else value)


def known_as(names: Mapping[str, str]) -> BeforeValidator:
    """Take other names of a value for its own."""
    return BeforeValidator(
        lambda value: names.get(value, value) if isinstance(value, str) else value
    )


ENGINE_NAMES = {"hf": "transformers", "huggingface": "transformers", "api": "openai"}
DTYPE_NAMES = {"fp32": "float32", "float": "float32", "bf16": "bfloat16"} | dict.fromkeys(
    ("fp16", "half"), "float16"
)

SplitNames = parsed_by(lambda text: tuple(text.split(",")))
"""Reads `a,b` as a list."""


SingleText = parsed_by(lambda text: (text,))
"""Reads a text as a list of one."""


def _number(value: Any) -> Any:
    if isinstance(value, bool):  # `--max-tokens` without its number; pydantic would read 1
        raise ValueError("needs a number")
    return value


def _top_k(value: Any) -> Any:
    return 0 if _number(value) in (-1, "-1") else value  # other tools write -1 for off


def _window(value: Any) -> Any:
    return 0 if value == "none" else value


def _price_pair(value: tuple[float, float]) -> tuple[float, float]:
    if not all(0 <= price < math.inf for price in value):
        raise ValueError("two prices of 0 or more")
    return value


def _layers(value: Any) -> Any:
    """Read `0,6,12` or one number; leave anything else to pydantic."""
    if isinstance(value, bool):  # `--layers` without its number
        raise ValueError("needs a list of numbers like 0,6,12")
    if isinstance(value, int | str):
        try:
            return tuple(int(part) for part in str(value).split(","))
        except ValueError:
            raise ValueError(f"`{value}` is not a list of numbers like 0,6,12") from None
    return value


def _joined_tags(value: Any) -> Any:
    return ",".join(map(str, value)) if isinstance(value, list | tuple) else value


def _think_tags(value: str) -> str:
    if value != "auto":
        try:
            parse_think_tags(value)
        except UserError as error:  # which names the option itself, as pydantic does
            raise ValueError(str(error).removeprefix("--think-tags: ")) from None
    return value


def _json_object(text: str) -> Any:
    try:
        loaded = json.loads(text)
    except (ValueError, RecursionError):
        loaded = None
    if not isinstance(loaded, dict):
        raise ValueError("""is not a JSON object like '{"enable_thinking": false}'""")
    return loaded


def _date(value: Any) -> str:
    try:
        return date.fromisoformat(str(value)).isoformat()
    except ValueError:
        raise ValueError(f"`{value}` is not a day like {TEMPLATE_DATE}") from None


TEMPLATE_DATE = "2026-01-01"
"""The same on every day, so that the same command asks the same."""

Source = Annotated[str, BeforeValidator(lambda v: str(v) if isinstance(v, os.PathLike) else v)]
JsonObject = Annotated[dict[str, Any], parsed_by(_json_object)]
Date = Annotated[str, BeforeValidator(_date)]


def _temperature(value: float) -> float:
    return checked_temperatures((value,))[0]


Temperature = Annotated[float, AfterValidator(_temperature)]
Assignments = Annotated[dict[str, Any], parsed_by(read_assignments)]
Names = Annotated[tuple[str, ...], SplitNames]
Texts = Annotated[tuple[Annotated[str, Field(min_length=1)], ...], SingleText]
Number = Annotated[int, BeforeValidator(_number)]
Count = Annotated[Number, Field(ge=1)]
Window = Annotated[Number, BeforeValidator(_window), Field(ge=0)]
Real = Annotated[float, BeforeValidator(_number), Field(allow_inf_nan=False)]
Penalty = Annotated[Real, Field(ge=-2, le=2)]
Prices = Annotated[tuple[float, float], SplitNames, AfterValidator(_price_pair)]
Layers = Annotated[tuple[int, ...], BeforeValidator(_layers), Field(min_length=1)]
Tags = Annotated[str, BeforeValidator(_joined_tags), AfterValidator(_think_tags)]
_PRICES = "dollars per million prompt and completion tokens"


class SamplingFilters(Settings):
    """What shapes the distribution before a token is drawn, beside temperature, and what ends a
    reply. None: not said here, so the next source decides (`decoders.decoder.SamplingChoice`)."""

    group = "Sampling"

    top_p: Annotated[Real, Field(gt=0, le=1)] | None = setting(
        "keep the most probable tokens that reach this mass; 1: off; default: suite's, else off"
    )
    top_k: Annotated[int, BeforeValidator(_top_k), Field(ge=0)] | None = setting(
        "keep the K most probable tokens; 0: off"
    )
    min_p: Annotated[Real, Field(ge=0, le=1)] | None = setting(
        "keep tokens of at least this part of the most probable one's probability; 0: off"
    )
    presence_penalty: Penalty | None = setting("for tokens of the reply so far; 0: off")
    frequency_penalty: Penalty | None = setting("the same, for each time; 0: off")
    repetition_penalty: Annotated[Real, Field(gt=0, le=10)] | None = setting(
        "divides logits of tokens of prompt and reply; 1: off"
    )
    stop: Texts | None = setting("text that ends a reply, left out of it", whole=True)

    def given(self) -> dict[str, Any]:
        """Return the fields that are said here."""
        return {
            name: value
            for name in SamplingFilters.model_fields
            if (value := getattr(self, name)) is not None
        }


class EngineSettings(Settings):
    """How the model is loaded and served."""

    group = ENGINE

    engine: Annotated[
        Literal["auto", "vllm", "transformers", "world", "openai", "ray"], known_as(ENGINE_NAMES)
    ] = setting(
        "auto: world for a world: model, openai with --base-url, otherwise vllm", default="auto"
    )
    base_url: Names | None = setting("OpenAI-compatible server of --model; several for replicas")
    dtype: Annotated[Literal["auto", "float32", "bfloat16", "float16"], known_as(DTYPE_NAMES)] = (
        setting("auto: float32 on CPU, the checkpoint's own on a GPU", default="auto")
    )
    max_model_len: Annotated[Number, Field(ge=8)] | None = setting(
        "context length of the engine; default: what the longest request needs"
    )
    gpu_memory_utilization: float = setting(
        "share of GPU memory that vLLM takes", default=0.9, gt=0, le=1
    )
    trust_remote_code: bool = setting("run Python code that the model brings", default=False)
    system_role: Literal["error", "merge"] = setting(
        "if the template refuses a system message: error, or merge into user", default="error"
    )
    chat_template: Source | None = setting(
        "Jinja file, or the model whose template it is; default: the tokenizer's own"
    )
    chat_template_kwargs: JsonObject | None = setting(
        """for the template or the server, like '{"enable_thinking": false}'"""
    )
    template_date: Date = setting("day that templates with a clock see", default=TEMPLATE_DATE)
    prompt_format: Literal["chat", "completion"] | None = setting(
        "completion: no chat template, for base models; default: the suite's, else chat"
    )
    prices: Prices | None = setting(f"of --model on a server: {_PRICES}")
    engine_args: Assignments | None = setting(
        "further arguments of vLLM's EngineArgs: name=value,... or JSON"
    )
    seed_bits: Annotated[Number, Field(ge=0, le=63)] | None = setting(
        "bits of a seed that the server takes, 0: send none; default: 63, fewer if refused"
    )
    tensor_parallel: Count = setting(
        "GPUs that share one copy of the model", default=1, group=SCALING
    )
    replicas: Count | None = setting(
        "copies of the model; default: 1, or as many as a Ray cluster has room for", group=SCALING
    )
    ray_address: str | None = setting(
        "Ray cluster: auto or host:port; default: RAY_ADDRESS, else this machine",
        min_length=1,
        group=SCALING,
    )


PROMPT_SETTINGS = (
    "chat_template",
    "chat_template_kwargs",
    "template_date",
    "prompt_format",
    "system_role",
)
"""Those of EngineSettings that say how messages become a prompt."""


class RequestSettings(Settings):
    """Limits on the requests to servers, both of the model and of judges."""

    group = SCALING

    concurrency: int = setting("requests in flight to a server", default=32, ge=1, le=4096)
    timeout: float = setting("seconds to wait for one response of a server", default=600.0, gt=0)
    max_cost: float | None = setting("stop before this many dollars are spent; needs prices", gt=0)


class ScoreSettings(Settings):
    """How replies are measured."""

    group = "Metrics"

    metrics: Names | None = setting("metric families; default: the suite's")
    encoder: str | None = setting("sentence-transformers name, folder or `multilingual`")
    encoder_backend: Literal["auto", "float32", "bfloat16", "onnx"] = setting(
        "auto: bfloat16 where the processor multiplies in it, else float32, which is exact",
        default="auto",
    )
    encoder_long_texts: Literal["truncate", "chunk"] = setting(
        "beyond the encoder's window: cut off, or average the parts", default="truncate"
    )
    equivalence: str = setting(
        "distinct_k: replies say the same by cut, a cosine distance or a pair classifier",
        default="cut",
    )
    style_data: Path | None = setting("persona-labelled JSONL for the style probe")
    references: Path | None = setting(
        "reference replies: JSONL, JSON or CSV rows, or a run folder; default: the suite's"
    )
    base_run: Path | None = setting("scored run of the base model, to be compared with")
    tokenizer: str = setting(
        "words-v1, characters-v1, blanks-v1, rouge-v1 or a tokenizer.json", default="words-v1"
    )
    tagger: str | None = setting(
        "syntax: nltk, or a spaCy pipeline; default: en_core_web_sm, else nltk, if installed"
    )
    token_window: Window | None = setting(
        "words and meaning: compare the first N tokens of replies; none: all; default: the suite's"
    )
    think_tags: Tags = setting(
        "encloses thinking: '<think>,</think>' or none; auto: see chat template", default="auto"
    )
    base_model: str | None = setting("geometry, tokens: the model that --model was trained from")
    reward_model: str | None = setting("sequence classifier that scores replies: Hub id or folder")
    reward_threshold: float | None = setting(
        "reward of a good reply; default: 0 for classifiers of two labels or more",
        allow_inf_nan=False,
    )
    layers: Layers | None = setting("geometry: layers like 0,6,12; 0: embedding; default: 5")
    jackknife: bool = setting("semantic: also standard errors within prompts", default=False)
    workers: Count | None = setting(
        "processes that measure; default: 1, from 20,000 replies the cores, at most 8",
        group=SCALING,
    )


class JudgeSettings(Settings):
    """Who judges the replies, and how."""

    group = "Judges"

    judge: Names | None = setting("LLM judge: model or URL[#model]")
    judge_axes: Annotated[Names, Field(min_length=1)] = setting(
        "rubrics, by name or file", default=("ctx", "rel", "flu")
    )
    judge_votes: int = setting("answers of a judge to each question", default=1, ge=1, le=99)
    judge_temperature: Temperature | None = setting(
        "temperature of the judge; default: its file's, 0.7"
    )
    judge_max_tokens: Annotated[Number, Field(ge=8)] | None = setting(
        "length limit of a judge's answer; default: its file's, 4096 if it reasons first"
    )
    judge_prices: Prices | None = setting(f"of --judge: {_PRICES}")
    judge_calibration: Path | None = setting("file written by `sfr-eval calibrate --judge`")


class CodeSettings(Settings):
    """Which problems code suites ask, and how programs are graded.

    The first four are the suite's own choice where they are None. With several suites a value may
    be written `suite=value,suite=value`; without the name of a suite it applies to all.
    """

    group = SUITE
    _PROBLEMS: ClassVar = ("data", "release", "window", "prompt_form")

    data: str | None = setting("code, math: JSONL file of problems, or small (bundled)")
    release: str | None = setting(
        "mbpp: full, sanitized; livecodebench: release_v1 to release_v6; -plus suites: plus, base; "
        "math: math-500, gsm8k, aime-2024, aime-2025"
    )
    window: str | None = setting("livecodebench: contest dates like 2024-08:2025-01")
    prompt_form: str | None = setting("chat; mbpp also few-shot; humaneval also completion")
    verdict_mode: Literal["faithful", "lcb-compat", "evalplus"] | None = setting(
        "how output is compared; default: the suite's own"
    )
    regrade: float = setting("share of programs that is graded twice", default=0.1, ge=0, le=1)
    unsafe_code: bool = setting("run programs even where nothing isolates them", default=False)
    grade_workers: int | None = setting(
        "processes that grade; default: physical cores", ge=1, group=SCALING
    )

    def problems(self) -> dict[str, str]:
        """Return the settings about problems that are given."""
        values = {name: getattr(self, name) for name in self._PROBLEMS}
        return {name: value for name, value in values.items() if value is not None}

    def for_suite(self, suite: str) -> Self:
        """Return the settings that apply to one suite."""
        return self.model_copy(
            update={name: _part(text, suite) for name, text in self.problems().items()}
        )

    def refuse_all_but(self, names: Iterable[str], *, suite: str) -> None:
        """Raise UserError for a setting that this suite does not have."""
        for name, value in self.problems().items():
            if name not in set(names):
                raise UserError(f"--{name.replace('_', '-')} {value}: suite {suite} has no {name}")


def _part(text: str, suite: str) -> str | None:
    if "=" not in text:
        return text
    parts = dict(part.partition("=")[::2] for part in text.split(","))
    return parts.get(suite)
