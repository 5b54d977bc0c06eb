"""TRL's SFTConfig from the settings of a job, a demo recipe or an experiment."""

import difflib
import os
from collections.abc import Mapping, Sequence
from dataclasses import fields
from pathlib import Path
from typing import Any

import torch
from transformers.integrations import get_available_reporting_integrations
from transformers.integrations.integration_utils import INTEGRATION_TO_CALLBACK
from trl import SFTConfig

from sfr_eval.errors import UserError, did_you_mean

_ABOVE_ZERO = (
    "learning_rate",
    "num_train_epochs",
    "per_device_train_batch_size",
    "gradient_accumulation_steps",
)


_ELSEWHERE = {
    "model_init_kwargs": "set `loading` (dtype, attn_implementation, load_in_4bit) or `revision`",
    "output_dir": "set `output`",
    "resume_from_checkpoint": "set `resume`",
    "assistant_only_loss": "leave it out: it follows from the rows",
}
"""Fields that something else decides, so that a value would be ignored."""


def sft_config(output: Path, training: Mapping[str, Any]) -> SFTConfig:
    """Build SFTConfig from `training`, with this project's defaults for the other fields.

    Raises UserError if a field does not exist or a value cannot be used.
    """
    return trainer_config(SFTConfig, output, training, defaults={"completion_only_loss": True})


def trainer_config(
    kind: Any, output: Path, training: Mapping[str, Any], *, defaults: Mapping[str, Any]
) -> Any:
    """Build one of TRL's configurations; see `sft_config`. `defaults` are what `training` may
    overrule."""
    names = {field.name for field in fields(kind) if field.init}
    for name in training:
        if name in _ELSEWHERE:
            raise UserError(f"training.{name}: has no effect here; {_ELSEWHERE[name]}")
        if name not in names:
            near = difflib.get_close_matches(name, names, n=1)
            hint = (
                f"did you mean `{near[0]}`?" if near else f"trl.{kind.__name__} has no such field"
            )
            raise UserError(f"training: {name}: unknown field; {hint}")
    gpu = torch.cuda.is_available()
    values: dict[str, Any] = {
        "output_dir": str(output),
        "bf16": gpu,
        "gradient_checkpointing": gpu,
        "report_to": "none",
        "logging_steps": 10,
        "data_seed": int(training.get("seed", 42)),
        **defaults,
        **training,
    }
    if os.environ.get("ACCELERATE_USE_FSDP", "").lower() in ("1", "true"):
        # Otherwise every rank keeps all gradients whole until the step.
        values.setdefault(
            "accelerator_config", {"gradient_accumulation_kwargs": {"sync_each_batch": True}}
        )
    try:
        arguments = kind(**values)
    except (TypeError, ValueError, OSError, ImportError) as error:  # the last without DeepSpeed
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        raise UserError(f"training: {reason}") from None
    for name in _ABOVE_ZERO:
        value = getattr(arguments, name)
        if not (isinstance(value, int | float) and value > 0):
            hint = ", as 1.0e-5: YAML reads 1e-5 as text" if isinstance(value, str) else ""
            raise UserError(f"training.{name}: {value!r}; give a number above 0{hint}")
    if arguments.max_steps == 0:
        raise UserError(
            "training.max_steps: 0 trains nothing; give a number above 0, or leave it out"
        )
    if arguments.save_strategy == "best" and not arguments.metric_for_best_model:
        raise UserError("training.save_strategy: best needs training.metric_for_best_model")
    template = getattr(arguments, "chat_template_path", None)
    if template is not None and not isinstance(template, str):
        raise UserError(f"training.chat_template_path: {template!r}; give a file, folder or Hub id")
    _check_loggers(arguments.report_to)
    return arguments


def _check_loggers(names: Sequence[str]) -> None:
    """Refuse unknown loggers now: transformers does so only after targets have been encoded."""
    for name in names:
        if not isinstance(name, str) or name not in INTEGRATION_TO_CALLBACK:
            near = did_you_mean(str(name), INTEGRATION_TO_CALLBACK)
            raise UserError(f"training.report_to: {name}: unknown; {near}")
        if name not in get_available_reporting_integrations() and name != "flyte":
            raise UserError(f"training.report_to: {name} is not installed; pip install it")
