"""A training job: one YAML file, any causal language model, one checkpoint folder.

    name: my-run
    model: Qwen/Qwen2.5-0.5B-Instruct
    data: {file: chats.jsonl, personas: cards.yaml, validation: 0.02}
    objective: {name: sfr}
    schedule: {weight: 1.0, ramp_steps: 0.05}
    targets: {k: 64, stride: 8, scale: standardise}
    training: {num_train_epochs: 2, learning_rate: 1.0e-5}

`training` holds fields of trl.SFTConfig. This module only reads jobs, without torch; `run_job`
trains them, and `sfr_train.demo` trains the recipes that have `new_model` or `start_from`.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

import yaml
from pydantic import Field, model_validator

from sfr_eval.errors import UserError, did_you_mean
from sfr_eval.util.reading import read_model, read_yaml_mapping
from sfr_train.data.chat_data import DataSettings
from sfr_train.flow.schedule import ScheduleSettings
from sfr_train.objectives import read_objective
from sfr_train.settings import Settings
from sfr_train.targets.segments import TargetSettings

RECIPES = Path(__file__).parent / "recipes"


class LoraSettings(Settings):
    """A low-rank adapter instead of full fine-tuning."""

    r: int = Field(16, ge=1)
    alpha: int = Field(32, ge=1)
    dropout: float = Field(0.0, ge=0, lt=1)
    target_modules: str | tuple[str, ...] = "all-linear"


class LoadingSettings(Settings):
    """How the base model's weights are held while it trains."""

    dtype: Literal["auto", "float32", "bfloat16", "float16"] = Field(
        "auto", description="auto: float32; bfloat16 under an adapter with bf16"
    )
    attn_implementation: str | None = Field(
        None, description="eager, sdpa, flash_attention_2, ...; default: transformers chooses"
    )
    load_in_4bit: bool = Field(False, description="NF4 by bitsandbytes, with lora (QLoRA)")


class AverageSettings(Settings):
    """An average of weights in the place of the last ones; `loop/weight_average.py` has the
    formulas."""

    kind: Literal["wise", "tail", "ema", "l2_sp"]
    alpha: float = Field(0.5, ge=0, le=1, description="wise: share of the tuned weights")
    share: float = Field(0.5, gt=0, le=1, description="tail: the last share of all steps")
    rate: float = Field(0.999, gt=0, lt=1, description="ema: what stays of the mean")
    strength: float = Field(0.1, gt=0, description="l2_sp: decay for each unit of learning rate")


class EvaluationSettings(Settings):
    """A small run of sfr-eval while the model trains, with the transformers engine."""

    suite: str = "persona"
    every: int | None = Field(None, ge=1, description="steps; default: at each evaluation")
    limit: int = Field(4, ge=1, description="first N queries, each with all personas")
    samples: int = Field(4, ge=2)
    temperature: float = Field(0.7, gt=0, le=2)
    max_tokens: int = Field(96, ge=1)
    metrics: tuple[str, ...] = ("text", "lexical")


class TrainingJob(Settings):
    """Everything about one training run."""

    name: str = Field(pattern=r"^[a-z0-9-]+$")
    model: str = Field(min_length=1, description="Hub id, folder, or demo:base")
    revision: str | None = None
    output: Path | None = Field(None, description="default runs/train/<name>-<digest>")
    data: DataSettings
    objective: str | dict[str, Any] = "sfr"
    schedule: ScheduleSettings = ScheduleSettings()
    targets: TargetSettings = TargetSettings()
    training: dict[str, Any] = Field(default_factory=dict, description="fields of trl.SFTConfig")
    lora: LoraSettings | None = None
    loading: LoadingSettings = LoadingSettings()
    average: AverageSettings | None = None
    lm_head: Literal["auto", "supervised", "fused"] = Field(
        "auto", description="fused: TRL's, which keeps no logits; the default on accelerators"
    )
    save_head: bool = False
    save_dtype: Literal["as_trained", "float32", "bfloat16", "float16"] = Field(
        "as_trained", description="of the weights in the final folder"
    )
    resume: bool = Field(True, description="continue from the last checkpoint in the output folder")
    evaluation: EvaluationSettings | None = None

    @model_validator(mode="after")
    def _four_bits_need_an_adapter(self) -> "TrainingJob":
        if self.loading.load_in_4bit and self.lora is None:
            raise ValueError("loading.load_in_4bit needs `lora`: such weights stay as they are")
        return self


def recipe_file(recipe: str) -> Path:
    """Find a YAML file by path, or a recipe of this package by name."""
    if recipe.endswith((".yaml", ".yml")) or "/" in recipe:
        return Path(recipe)
    file = RECIPES / f"{recipe}.yaml"
    if not file.is_file():
        names = [path.stem for path in RECIPES.glob("*.yaml")]
        raise UserError(f"recipe {recipe}: unknown; {did_you_mean(recipe, names)}")
    return file


def load_job(recipe: str, assignments: Sequence[str] = ()) -> TrainingJob:
    """Read the job that a recipe describes, with `a.b=c` assignments on top."""
    file = recipe_file(recipe)
    values = with_assignments(read_yaml_mapping(file), assignments)
    job = read_model(TrainingJob, values, where=str(file))
    read_objective(job.objective, where=f"{file}: objective")
    return job


def with_assignments(values: Mapping[str, Any], assignments: Sequence[str]) -> dict[str, Any]:
    """Apply `a.b=c` to nested settings; each value is read as YAML."""
    result: dict[str, Any] = {**values}
    for assignment in assignments:
        path, equals, text = assignment.partition("=")
        names = [name.strip() for name in path.split(".")]
        if not equals or not all(names):
            raise UserError(f"--set {assignment}: write name=value or section.name=value")
        try:
            value = yaml.safe_load(text)
        except yaml.YAMLError:
            raise UserError(f"--set {assignment}: the value is not valid YAML; quote it") from None
        section = result
        for name in names[:-1]:
            inner = section.get(name)
            if isinstance(inner, str) and name == "objective":
                inner = {"name": inner}
            if inner is not None and not isinstance(inner, dict):
                raise UserError(f"--set {assignment}: `{name}` is a value, not a section")
            section[name] = {**(inner or {})}
            section = section[name]
        section[names[-1]] = value
    return result
