"""`job.json`: what trained the weights that lie beside it.

The resolved job (every setting with its default), the content of the data, the base model, the
templates and the encoder have one digest. A folder of weights is taken up, or handed back as
finished, only by a job of the same digest.

The digest leaves out what cannot change the weights after the same number of steps: names, output,
logging, saving, evaluation, loader processes, recomputation of activations. It holds `max_steps`
and `num_train_epochs`, because learning rate, warm-up and the schedule's shares are fractions of
the whole: a longer training is another training from its first step, not a continuation. It holds
the rows of a step. How these are divided into micro-batches counts only where a loss is a statistic
of a micro-batch (`cka`) or random numbers are drawn for one (noise, dropout of an adapter); how
many processes share a step never does. Folders and Hub ids count by their content.

Versions of the libraries are recorded and compared by a person only: a new version of torch rounds
differently, but it does not make the weights those of another job.
"""

import hashlib
import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from pydantic import Field, field_validator

from sfr_eval.util.files import write_atomic
from sfr_eval.util.reading import read_versioned
from sfr_train.settings import Settings

JOB_FILE = "job.json"
FORMAT = 1
TRAINER = 1  # raised when the same job gives other weights, beyond rounding
_PACKAGES = ("torch", "transformers", "trl", "peft", "accelerate", "datasets", "sfr-eval")

_FREE = {"name", "output", "resume", "save_head", "save_dtype", "evaluation"}
_BY_CONTENT = {
    "rows": ("data",),
    "model": ("model",),
    "template": ("training.chat_template_path",),
    "encoder": ("targets.encoder",),
    "rewards": ("objective.encoder", "objective.quality.model"),
    "deepspeed": ("training.deepspeed",),
}
"""Fingerprint -> settings (or sections) that count by their content, where it is there."""
_FREE_TRAINING = {
    "output_dir",
    "disable_tqdm",
    "report_to",
    "run_name",
    "project",
    "do_train",
    "do_eval",
    "do_predict",
    "debug",
    "skip_memory_metrics",
    "local_rank",
    "dataset_num_proc",
    "gradient_checkpointing",
    "gradient_checkpointing_kwargs",
    "activation_offloading",
    "enable_jit_checkpoint",
    "torch_empty_cache_steps",
    "parallelism_config",
    "per_device_train_batch_size",  # their product with the processes counts
    "gradient_accumulation_steps",
    "steps_per_generation",  # of GRPO; generation_batch_size is their product, and counts
    "num_completions_to_print",
    "vllm_gpu_memory_utilization",
    "vllm_group_port",
}
_FREE_PREFIXES = (
    *("logging_", "log_", "hub_", "push_to_hub", "trackio_", "ddp_", "fsdp", "include_"),
    "vllm_server_",
)
_FREE_UNLESS_EVALUATION_DECIDES = (
    *("save_", "eval_", "load_best", "metric_for", "greater_is_better"),
    *("per_device_eval_batch_size", "bf16_full_eval", "fp16_full_eval", "batch_eval_metrics"),
    "prediction_loss_only",
)
_SECRET = {"hub_token", "push_to_hub_token"}


class JobFile(Settings):
    """The content of job.json. settings: the resolved job; fingerprints: of what the settings only
    name; micro_batch: rows of one, where they count; processes: how many trained together."""

    format: int = FORMAT
    trainer: int = TRAINER
    digest: str
    settings: dict[str, Any]
    fingerprints: dict[str, str]
    rows: int = Field(ge=0)
    held_out: int = Field(ge=0)
    rows_a_step: int = Field(ge=1)
    micro_batch: int | None = None
    processes: int = Field(ge=1)
    versions: dict[str, str]

    @field_validator("settings")
    @classmethod
    def _training_has_names(cls, settings: dict[str, Any]) -> dict[str, Any]:
        if not isinstance(settings.get("training", {}), dict):
            raise ValueError("training: needs a mapping")
        return settings

    @field_validator("fingerprints")
    @classmethod
    def _fingerprints_are_ours(cls, fingerprints: dict[str, str]) -> dict[str, str]:
        if unknown := sorted(fingerprints.keys() - _BY_CONTENT.keys()):
            raise ValueError(f"{unknown[0][:40]}: not known")
        return fingerprints

    def identity(self) -> dict[str, Any]:
        """Return everything that the digest holds, by dotted name."""
        training = self.settings.get("training", {})
        decides = bool(training.get("load_best_model_at_end")) or (
            training.get("lr_scheduler_type") == "reduce_lr_on_plateau"
        )
        named = [name for part in self.fingerprints for name in _BY_CONTENT[part]]
        values = {
            name: value
            for name, value in _flat(self.settings).items()
            if not _is_free(name, decides=decides) and not _below(name, named)
        }
        values |= {f"content of {name}": value for name, value in self.fingerprints.items()}
        if self.micro_batch is not None:
            values["rows a micro-batch"] = self.micro_batch
        return {**values, "rows a step": self.rows_a_step, "trainer": self.trainer}

    @property
    def saving(self) -> tuple[Any, ...]:
        """What decides the files of the final folder beside the weights themselves."""
        return self.settings.get("save_head"), self.settings.get("save_dtype")

    def write(self, folder: Path) -> None:
        """Write job.json into a folder, whole or not at all."""
        write_atomic(folder / JOB_FILE, json.dumps(self.model_dump(mode="json"), indent=1) + "\n")


@dataclass(frozen=True, kw_only=True)
class Fingerprints:
    """Digests of what a job's settings only name; "" where the job has none of it. rewards: of the
    models that judge samples."""

    rows: str
    model: str
    template: str = ""
    encoder: str = ""
    rewards: str = ""
    deepspeed: str = ""


def job_file(
    settings: Mapping[str, Any],
    *,
    fingerprints: Fingerprints,
    rows: int,
    held_out: int,
    rows_a_step: int,
    processes: int,
    micro_batch: int | None = None,
) -> JobFile:
    """Return the record of a job whose settings have been resolved."""
    plain = json.loads(json.dumps(settings, default=str))
    training = plain.get("training", {})
    plain["training"] = {name: v for name, v in training.items() if name not in _SECRET}
    record = JobFile(
        digest="",
        settings=plain,
        fingerprints={k: v for k, v in vars(fingerprints).items() if v},
        rows=rows,
        held_out=held_out,
        rows_a_step=rows_a_step,
        micro_batch=micro_batch,
        processes=processes,
        versions=versions(),
    )
    text = json.dumps(record.identity(), sort_keys=True)
    digest = hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
    return record.model_copy(update={"digest": digest})


def read_job_file(folder: Path) -> JobFile:
    """Read job.json of a folder. Raises UserError if it is not one of this version."""
    file = folder / JOB_FILE
    remedy = "set another `output`, or `resume: false`"
    what = f"a job file of format {FORMAT}"
    return read_versioned(JobFile, file, version=FORMAT, what=what, remedy=remedy, where=str(file))


def differences(there: JobFile, here: JobFile) -> list[str]:
    """Return what differs between two jobs, one `name: value there, value here` each."""
    old, new = there.identity(), here.identity()
    named = {n for n in {*old, *new} if old.get(n) != new.get(n) or (n in old) != (n in new)}
    # A fingerprint says little to a reader: the settings that may have led to it say more.
    old_all, new_all = _flat(there.settings), _flat(here.settings)
    for part, names in _BY_CONTENT.items():
        if f"content of {part}" in named:
            every = {*old_all, *new_all}
            named |= {n for n in every if _below(n, names) and old_all.get(n) != new_all.get(n)}
    if "objective.name" in named:  # the settings of two objectives have nothing in common
        of_objective = {name for name in named if name.startswith("objective.")}
        named -= of_objective | {"content of encoder", "content of rewards", "rows a micro-batch"}
        # nor have the settings of two trainers
        named -= {n for n in named if n.startswith("training.") and (n in old) != (n in new)}
        named.add("objective.name")
    sections = {name for name in named if name in old_all or name in new_all}  # null on one side
    named = {n for n in named if not any(n.startswith(f"{s}.") for s in sections)}
    return [
        f"{name}: {_shown(_value(there, name))} there, {_shown(_value(here, name))} here"
        for name in sorted(named, key=_rank)
    ]


def _rank(name: str) -> tuple[bool, bool, str]:
    """Sort the objective first, fingerprints last."""
    return name != "objective.name", name.startswith("content"), name


def versions() -> dict[str, str]:
    """Return the installed versions of what computes the weights."""
    numbers = {}
    for package in _PACKAGES:
        try:
            numbers[package] = version(package)
        except PackageNotFoundError:
            continue
    return numbers


def _is_free(name: str, *, decides: bool) -> bool:
    section, _, field = name.partition(".")
    if section in _FREE:
        return True
    if section != "training":
        return False
    field = field.partition(".")[0]
    if field in _FREE_TRAINING or field.startswith(_FREE_PREFIXES):
        return True
    if field.startswith("dataloader_"):
        return field not in ("dataloader_drop_last", "dataloader_in_order")
    return not decides and field.startswith(_FREE_UNLESS_EVALUATION_DECIDES)


def _below(name: str, sections: Collection[str]) -> bool:
    """Return whether a setting is one of these, or lies in one of them."""
    return any(name == section or name.startswith(f"{section}.") for section in sections)


def _value(job: JobFile, name: str) -> Any:
    value: Any = job.settings
    for part in name.split("."):
        value = value.get(part) if isinstance(value, Mapping) else None
    return job.identity().get(name) if value is None else value


def _flat(values: Mapping[str, Any], *, prefix: str = "") -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for name, value in values.items():
        if isinstance(value, Mapping) and value:
            flat |= _flat(value, prefix=f"{prefix}{name}.")
        else:
            flat[prefix + name] = value
    return flat


def _shown(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False).strip('"')
    return text if len(text) <= 48 else f"{text[:16]}...{text[-29:]}"
