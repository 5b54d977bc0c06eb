"""The settings of one run, and where they come from.

Precedence: command line > SFR_EVAL_* > --config file > preset > suite > default. A setting that
nobody set stays None where the suite or the engine decides; the manifest records the resolved
value.
"""

import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    BeforeValidator,
    Field,
    PlainSerializer,
    ValidationError,
    model_validator,
)
from pydantic.fields import FieldInfo

from sfr_eval.decoders.decoder import checked_sweep, swept
from sfr_eval.decoders.presets import find_preset
from sfr_eval.errors import UserError, did_you_mean
from sfr_eval.settings import (
    ENGINE,
    OUTPUT,
    SCALING,
    SUITE,
    CodeSettings,
    Count,
    EngineSettings,
    JudgeSettings,
    Names,
    Number,
    RequestSettings,
    SamplingFilters,
    ScoreSettings,
    Settings,
    SplitNames,
    Texts,
    parsed_by,
    setting,
)
from sfr_eval.temperature import checked_temperatures, parse_temperatures
from sfr_eval.util.assignments import yaml_value
from sfr_eval.util.reading import one_line, read_yaml_mapping

ENVIRONMENT_PREFIX = "SFR_EVAL_"

Suites = Annotated[tuple[Annotated[str, Field(min_length=1)], ...], SplitNames]
Trackers = Annotated[tuple[Literal["mlflow", "wandb", "none"], ...], SplitNames]


@dataclass(frozen=True)
class Shard:
    """Part `index` (from 1) of `count` parts of a run; see `plan.make_plan`."""

    index: int
    count: int

    @classmethod
    def parse(cls, text: str) -> "Shard":
        """Read `i/n`. Raises ValueError, which says what is wrong."""
        parts = re.fullmatch("([0-9]+)/([0-9]+)", text)
        if parts is None:
            raise ValueError("write i/n, like 1/16")
        shard = cls(int(parts[1]), int(parts[2]))
        if not 1 <= shard.index <= shard.count:
            raise ValueError(f"i runs from 1 to {shard.count}")
        return shard

    @property
    def suffix(self) -> str:
        """End of the name of the shard's run folder; the names sort in order."""
        return f"-shard-{self.index:0{len(str(self.count))}d}-of-{self.count}"

    def __str__(self) -> str:
        return f"{self.index}/{self.count}"


Temperatures = Annotated[
    tuple[float, ...],
    parsed_by(parse_temperatures),
    BeforeValidator(lambda value: (value,) if type(value) in (int, float) else value),
    AfterValidator(checked_temperatures),
]


def _limit(value: Any) -> Any:
    """Read a count or a share."""
    if isinstance(value, bool):
        raise ValueError("needs a number")
    try:
        number = float(value)
    except (TypeError, ValueError):
        raise ValueError(f"`{value}` is not a number") from None
    if not (0 < number < 1 or (number >= 1 and number.is_integer())):
        raise ValueError("a count from 1, or a share between 0 and 1")
    return number if number < 1 else int(number)


Limit = Annotated[int | float, BeforeValidator(_limit)]
ShardText = Annotated[Shard, parsed_by(Shard.parse), PlainSerializer(str, return_type=str)]


StudentSees = Literal["name", "card"]
"""What the model under test is told of a persona of a teacher suite."""


class TeacherSettings(Settings):
    """The frozen language model that is the reference distribution of a teacher suite."""

    group = "Teacher"

    teacher: str | None = setting(
        "suite teacher: frozen model whose replies under the full cards are the reference"
    )
    student_sees: StudentSees = setting(
        "suite teacher: what --model is told of a persona, its name or the whole card",
        default="name",
    )
    teacher_temperature: Annotated[float, Field(gt=0, le=2)] = setting(
        "temperature of the teacher's distribution", default=1.0
    )
    teacher_replies: Count | None = setting(
        "replies of the teacher to each prompt; never fewer than the run's, which is the default"
    )


class RunConfig(Settings):
    """One run: which checkpoint, which suites, how it is sampled, where it is kept.

    The settings of each group can be written flat, too: `samples`, `dtype` and `judge_votes` side
    by side, as on the command line.
    """

    group = "Sampling"

    model: str = setting(
        "Hub id[@revision], folder, LoRA folder, demo[:base], world[:cross=0.3,...]",
        default=...,
        group=ENGINE,
    )
    revision: str | None = setting("of --model on the Hub, as in id@revision", group=ENGINE)
    suite: Suites = setting("suite, by name or folder", default=(), group=SUITE)
    prompts: str | None = setting(
        "instead of a suite: file of prompts (text lines, JSONL, CSV, Parquet) or hub:ID[:SPLIT]",
        group=SUITE,
    )
    prompt_field: str | None = setting("field of --prompts that holds the prompt", group=SUITE)
    personas: Names | None = setting("only these personas of the suite", group=SUITE)
    limit: Limit | None = setting(
        "only the first N queries of each suite, or a share like 0.1, with all personas",
        group=SUITE,
    )
    samples: Count | None = setting("replies per prompt and temperature; default: the suite's")
    temperatures: Temperatures | None = setting(
        "0.2:1.6:0.2 (both ends included) or 0.6,1.0; default: the suite's"
    )
    sampling: Literal["neutral", "model"] = setting(
        "filters that nobody sets: off, or as in the model's generation_config", default="neutral"
    )
    sweep: Annotated[Texts, AfterValidator(checked_sweep)] | None = setting(
        "min_p=0,0.05,0.1: a run for each value of a filter; several axes are crossed", whole=True
    )
    preset: str | None = setting("a published protocol; see `sfr-eval ls presets`")
    max_tokens: Count | None = setting("length limit of a reply; default: suite's")
    seed: Annotated[Number, Field(ge=0, lt=2**63)] = setting("seed of all draws", default=0)
    output: Path | None = setting(
        "run folder, resumed if it exists; default: runs/<model>-<plan hash>", group=OUTPUT
    )
    track: Trackers | None = setting(
        "log results there; default: if MLFLOW_TRACKING_URI or WANDB_PROJECT is set", group=OUTPUT
    )
    track_artifacts: bool = setting(
        "log results.json, manifest and report as well", default=True, group=OUTPUT
    )
    shard: ShardText | None = setting(
        "i/n: only every n-th query, from the i-th on, for array jobs", group=SCALING
    )
    filters: SamplingFilters = SamplingFilters()
    serving: EngineSettings = EngineSettings()
    requests: RequestSettings = RequestSettings()
    score: ScoreSettings = ScoreSettings()
    judging: JudgeSettings = JudgeSettings()
    code: CodeSettings = CodeSettings()
    teaching: TeacherSettings = TeacherSettings()

    def flat(self) -> dict[str, Any]:
        """Return all settings without their groups, as JSON types: what the manifest stores."""
        return flattened(self.model_dump(mode="json"))

    @model_validator(mode="before")
    @classmethod
    def _grouped(cls, values: Any) -> Any:
        if not isinstance(values, Mapping):
            return values
        grouped: dict[str, Any] = {}
        for name, value in flattened(values).items():
            group = grouped.setdefault(_GROUP_OF[name], {}) if name in _GROUP_OF else grouped
            group[name] = value
        if (revision := grouped.pop("revision", None)) is not None:
            model = str(grouped.get("model", ""))
            if not model or "@" in model or os.path.exists(model):
                raise ValueError(f"revision {revision}: is for a Hub id without @revision; drop it")
            grouped["model"] = f"{model}@{revision}"
        return grouped

    @model_validator(mode="after")
    def _check_together(self) -> "RunConfig":
        served = self.serving.engine == "openai" or self.serving.base_url is not None
        if self.requests.max_cost is not None and served and self.serving.prices is None:
            raise ValueError("max-cost: needs --prices PROMPT,COMPLETION per million")
        if self.serving.ray_address is not None and self.serving.engine != "ray":
            raise ValueError("ray-address: belongs to --engine ray")
        if self.serving.replicas is not None and (served or self.serving.engine == "transformers"):
            how = "give several --base-url" if served else "use --engine vllm"
            raise ValueError(f"replicas: are copies of vLLM; {how}")
        if self.serving.tensor_parallel > 1 and (served or self.serving.engine == "transformers"):
            raise ValueError(
                "tensor-parallel: spreads a model of vLLM; drop it or use --engine vllm"
            )
        if self.prompt_field is not None and self.prompts is None:
            raise ValueError("prompt-field: needs --prompts FILE")
        if self.shard is not None and self.judging.judge is not None:
            raise ValueError("judge: give it to `sfr-eval score` when the shards are joined")
        if self.shard is not None and self.sweep is not None:
            raise ValueError("sweep: cannot be sharded; shard each decoder, e.g. with --min-p")
        return self


GROUPS: dict[str, type[Settings]] = {
    name: field.annotation
    for name, field in RunConfig.model_fields.items()
    if isinstance(field.annotation, type) and issubclass(field.annotation, Settings)
}
_GROUP_OF = {setting: name for name, kind in GROUPS.items() for setting in kind.model_fields}
_MODELS: tuple[type[Settings], ...] = (RunConfig, *GROUPS.values())
FIELDS: dict[str, tuple[FieldInfo, type[Settings]]] = {
    name: (field, kind)
    for kind in _MODELS
    for name, field in kind.model_fields.items()
    if name not in GROUPS
}
"""Every setting by its flat name, with the model that declares it."""


def select(names: Sequence[str]) -> dict[str, tuple[FieldInfo, type[Settings]]]:
    """Return the settings that `names` names, singly or by their group."""
    return {
        name: (field, kind)
        for name, (field, kind) in FIELDS.items()
        if name in names or _GROUP_OF.get(name) in names
    }


def flattened(values: Mapping[str, Any]) -> dict[str, Any]:
    """Return settings without their groups; a flat spelling overrules the nested one."""
    nested: dict[str, Any] = {}
    flat: dict[str, Any] = {}
    for name, value in values.items():
        if name in GROUPS and isinstance(value, Settings):
            nested |= {setting: getattr(value, setting) for setting in value.model_fields_set}
        elif name in GROUPS and isinstance(value, Mapping):
            nested |= value
        else:
            flat[name] = value
    return nested | flat


def load_run_config(
    overrides: Mapping[str, Any],
    *,
    file: Path | None = None,
    environment: Mapping[str, str] | None = None,
) -> RunConfig:
    """Merge file, environment and command line (`overrides`; None: not given) into a RunConfig.
    Raises UserError for an unknown setting or a value that a setting does not take."""
    values: dict[str, Any] = {}
    if file is not None:
        values.update(flattened(read_yaml_mapping(file)))
        refuse_unknown(values, where=str(file))
    for name, text in (os.environ if environment is None else environment).items():
        field = name.removeprefix(ENVIRONMENT_PREFIX).lower()
        if name.startswith(ENVIRONMENT_PREFIX) and field in FIELDS:
            values[field] = text
    values.update({n: v for n, v in flattened(overrides).items() if v is not None})
    refuse_unknown(values, where="--set")
    with_preset(values)
    if not values.get("model"):
        raise UserError("--model: not given; name one, e.g. --model demo")
    if not values.get("suite") and not values.get("prompts"):
        raise UserError("--suite: not given; name one, e.g. --suite persona, or --prompts FILE")
    try:
        return RunConfig.model_validate(values)
    except ValidationError as error:
        raise UserError(one_line(error, where="--")) from None


def with_preset(values: dict[str, Any]) -> None:
    """Add what the preset says and nobody else does, axes of the sweep included. Raises UserError
    for an unknown preset, and for a filter that is both set and swept."""
    try:
        axes = swept(values.get("sweep") or ())
    except ValueError as error:
        raise UserError(f"--sweep: {error}") from None
    for axis in axes:
        if axis in values:
            raise UserError(
                f"--sweep {axis}=...: --{axis.replace('_', '-')} {values[axis]} is set, too; give "
                "one of them"
            )
    if values.get("preset"):
        preset = find_preset(str(values["preset"])).settings
        refuse_unknown(preset, where=f"preset {values['preset']}")
        taken = {*values, *axes, *(("suite",) if values.get("prompts") else ())}
        values |= {name: value for name, value in preset.items() if name not in taken}


def refuse_unknown(
    values: Mapping[str, Any], *, where: str, known: Mapping[str, Any] = FIELDS
) -> None:
    """Raise UserError, with the nearest name, for a setting that is not among `known`."""
    for name in values:
        if name not in known:
            raise UserError(f"{where}: unknown setting `{name}`; {did_you_mean(name, known)}")


def parse_assignments(assignments: Sequence[str]) -> dict[str, Any]:
    """Parse `--set name=value` pairs. Values are YAML, so 3, true and [a, b] have their types."""
    values: dict[str, Any] = {}
    for assignment in assignments:
        name, separator, text = assignment.partition("=")
        if not separator or not name:
            raise UserError(f"--set {assignment}: write name=value")
        try:
            values[name.strip().replace("-", "_")] = yaml_value(text)
        except ValueError as error:
            raise UserError(f"--set {assignment}: {error}") from None
    return values
