"""A training job: one YAML file, any causal language model, one checkpoint folder.

    name: my-run
    model: Qwen/Qwen2.5-0.5B-Instruct
    data: {file: chats.jsonl, personas: cards.yaml, validation: 0.02}
    objective: {name: sfr}
    schedule: {weight: 1.0, ramp_steps: 0.05}
    targets: {k: 64, stride: 8, scale: standardise}
    training: {num_train_epochs: 2, learning_rate: 1.0e-5}

`training` holds fields of trl.SFTConfig. Recipes of the demo (with `new_model` or `start_from`) go
to `sfr_train.demo.fit` instead.
"""

import difflib
from collections.abc import Mapping, Sequence
from dataclasses import fields
from pathlib import Path
from typing import Any, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field

from sfr_eval.errors import UserError, did_you_mean
from sfr_eval.util.progress import on_terminal
from sfr_eval.util.reading import read_model, read_yaml_mapping
from sfr_train.data.chat_data import DataSettings, load_rows
from sfr_train.demo.recipe import FOLDER
from sfr_train.flow.schedule import ScheduleSettings
from sfr_train.output_folder import disk_may_fill, last_checkpoint, save_whole, usable_folder
from sfr_train.targets.segments import TargetSettings


class LoraSettings(BaseModel):
    """A low-rank adapter instead of full fine-tuning."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    r: int = Field(16, ge=1)
    alpha: int = Field(32, ge=1)
    dropout: float = Field(0.0, ge=0, lt=1)
    target_modules: str | tuple[str, ...] = "all-linear"


class EvaluationSettings(BaseModel):
    """A small run of sfr-eval at each evaluation step, by generate on the model in training."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    suite: str = "persona"
    limit: int = Field(4, ge=1, description="first N queries, each with all personas")
    samples: int = Field(4, ge=2)
    temperature: float = Field(0.7, gt=0, le=2)
    max_tokens: int = Field(96, ge=1)
    metrics: tuple[str, ...] = ("text", "lexical")


class Job(BaseModel):
    """Everything about one training run."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str = Field(pattern=r"^[a-z0-9-]+$")
    model: str = Field(min_length=1, description="Hub id, folder, or demo:base")
    revision: str | None = None
    output: Path | None = Field(None, description="default runs/train/<name>")
    data: DataSettings
    objective: str | dict[str, Any] = "sfr"
    schedule: ScheduleSettings = ScheduleSettings()
    targets: TargetSettings = TargetSettings()
    training: dict[str, Any] = Field(default_factory=dict, description="fields of trl.SFTConfig")
    lora: LoraSettings | None = None
    lm_head: Literal["auto", "supervised", "fused"] = Field(
        "auto", description="fused: TRL's, which keeps no logits; the default on accelerators"
    )
    save_head: bool = False
    resume: bool = Field(True, description="go on from the last checkpoint in the output folder")
    evaluation: EvaluationSettings | None = None


def recipe_file(recipe: str) -> Path:
    """A YAML file by path, or a recipe of this package by name."""
    if recipe.endswith((".yaml", ".yml")) or "/" in recipe:
        return Path(recipe)
    file = FOLDER / f"{recipe}.yaml"
    if not file.is_file():
        known = [path.stem for path in FOLDER.glob("*.yaml")]
        raise UserError(f"recipe {recipe}: unknown; {did_you_mean(recipe, known)}")
    return file


def load_job(recipe: str, assignments: Sequence[str] = ()) -> Job:
    """The job of a recipe, with `a.b=c` assignments on top."""
    file = recipe_file(recipe)
    values = assigned(read_yaml_mapping(file), assignments)
    from sfr_train.objectives import objective_module

    job = read_model(Job, values, where=str(file))
    named = job.objective if isinstance(job.objective, dict) else {"name": job.objective}
    module = objective_module(str(named.get("name", "sfr")))
    rest = {name: value for name, value in named.items() if name != "name"}
    read_model(module.Settings, rest, where=f"{file}: objective")
    return job


def assigned(values: Mapping[str, Any], assignments: Sequence[str]) -> dict[str, Any]:
    """Nested settings with `a.b=c` put in; a value is read as YAML."""
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
        place = result
        for name in names[:-1]:
            inner = place.get(name)
            if isinstance(inner, str) and name == "objective":
                inner = {"name": inner}
            if inner is not None and not isinstance(inner, dict):
                raise UserError(f"--set {assignment}: `{name}` is a value, not a section")
            place[name] = {**(inner or {})}
            place = place[name]
        place[names[-1]] = value
    return result


def run_job(job: Job) -> Path:
    """Train, save, and return the folder of the plain language model."""
    import datasets
    import torch
    import transformers

    from sfr_train.trainer import SFRTrainer

    if not on_terminal():
        datasets.disable_progress_bars()  # in a file they bury the lines that matter
        transformers.utils.logging.disable_progress_bar()
    output = job.output or Path("runs/train") / job.name
    arguments = training_arguments(job, output)
    usable_folder(output)
    train, validation = load_rows(job.data)
    several = "messages" in train[0]
    arguments.assistant_only_loss = several
    source = _model_folder(job.model)
    load: dict[str, Any] = {"revision": job.revision} if job.revision else {}
    load["trust_remote_code"] = False  # unset it would ask on the terminal
    try:
        tokenizer = transformers.AutoTokenizer.from_pretrained(source, **load)
        kind = torch.bfloat16 if arguments.bf16 and job.lora else torch.float32
        model = transformers.AutoModelForCausalLM.from_pretrained(source, dtype=kind, **load)
    except (OSError, ValueError) as error:
        why = (str(error).splitlines() or [type(error).__name__])[0]
        raise UserError(f"model {job.model}: cannot be loaded: {why}") from None
    if tokenizer.chat_template is None:
        raise UserError(f"model {job.model}: its tokenizer has no chat template; add one")
    trainer = SFRTrainer(
        model=model,
        args=arguments,
        train_dataset=datasets.Dataset.from_list(train),
        eval_dataset=datasets.Dataset.from_list(validation) if validation else None,
        processing_class=tokenizer,
        objective=job.objective,
        schedule=job.schedule,
        targets=job.targets,
        lm_head=job.lm_head,
        save_head=job.save_head,
        peft_config=_adapter(job),
    )
    if job.evaluation is not None:
        from sfr_train.loop.suite_callback import SuiteCallback

        trainer.add_callback(SuiteCallback(trainer, job.evaluation, folder=output / "evaluations"))
    with disk_may_fill(output):
        trainer.train(resume_from_checkpoint=last_checkpoint(output) if job.resume else None)
        save_whole(trainer, output / "final")
    return output / "final"


_ABOVE_ZERO = (
    "learning_rate",
    "num_train_epochs",
    "per_device_train_batch_size",
    "gradient_accumulation_steps",
)


def training_arguments(job: Job, output: Path) -> Any:
    """SFTConfig from the recipe's values; only what the recipe leaves open is set here."""
    import torch
    from trl import SFTConfig

    known = {field.name for field in fields(SFTConfig) if field.init}
    for name in job.training:
        if name not in known:
            near = difflib.get_close_matches(name, known, n=1)
            hint = f"did you mean `{near[0]}`?" if near else "it is no field of trl.SFTConfig"
            raise UserError(f"training: {name}: unknown field; {hint}")
    graphics = torch.cuda.is_available()
    values: dict[str, Any] = {
        "output_dir": str(output),
        "bf16": graphics,
        "gradient_checkpointing": graphics,
        "report_to": "none",
        "logging_steps": 10,
        "completion_only_loss": True,
        "data_seed": int(job.training.get("seed", 42)),
        **job.training,
    }
    try:
        arguments = SFTConfig(**values)
    except (TypeError, ValueError) as error:
        why = (str(error).splitlines() or [type(error).__name__])[0]
        raise UserError(f"training: {why}") from None
    for name in _ABOVE_ZERO:
        value = getattr(arguments, name)
        if not (isinstance(value, int | float) and value > 0):
            hint = ", as 1.0e-5: YAML reads 1e-5 as text" if isinstance(value, str) else ""
            raise UserError(f"training.{name}: {value!r}; give a number above 0{hint}")
    _loggers_are_there(arguments.report_to)
    return arguments


def _loggers_are_there(names: Sequence[str]) -> None:
    """transformers would say so too, but only after targets are encoded."""
    from transformers.integrations import get_available_reporting_integrations
    from transformers.integrations.integration_utils import INTEGRATION_TO_CALLBACK

    for name in names:
        if name not in INTEGRATION_TO_CALLBACK:
            near = did_you_mean(name, INTEGRATION_TO_CALLBACK)
            raise UserError(f"training.report_to: {name}: unknown; {near}")
        if name not in get_available_reporting_integrations() and name != "flyte":
            raise UserError(f"training.report_to: {name} is not installed; pip install it")


def _adapter(job: Job) -> Any:
    if job.lora is None:
        return None
    from peft import LoraConfig

    modules = job.lora.target_modules
    return LoraConfig(
        r=job.lora.r,
        lora_alpha=job.lora.alpha,
        lora_dropout=job.lora.dropout,
        target_modules=modules if isinstance(modules, str) else list(modules),
        task_type="CAUSAL_LM",
    )


def _model_folder(model: str) -> str:
    if not model.startswith("demo"):
        return model
    from sfr_train.demo.checkpoints import demo_checkpoint

    return str(demo_checkpoint(model.partition(":")[2] or "base"))
