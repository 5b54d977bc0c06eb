"""Loads the base model of a job: dtype, attention, four bits, and its chat template."""

import os
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from sfr_eval.errors import UserError
from sfr_train.job import TrainingJob


def check_loading(job: TrainingJob, arguments: Any) -> None:
    """Raise UserError if weights loaded as the job says could not be trained."""
    loading = job.loading
    if loading.load_in_4bit and find_spec("bitsandbytes") is None:
        raise UserError(
            "loading.load_in_4bit: bitsandbytes is not installed; pip install bitsandbytes"
        )
    if loading.dtype == "float16" and job.lora is None:
        raise UserError(
            "loading.dtype: weights in float16 lose the updates and their gradients cannot be "
            "unscaled; load float32 and set training.fp16, or train with `lora`"
        )


def load_base(job: TrainingJob, source: str, *, arguments: Any) -> tuple[Any, Any]:
    """Return model and tokenizer. Raises UserError if they cannot be loaded as the job says."""
    import transformers

    tokens: dict[str, Any] = {"revision": job.revision} if job.revision else {}
    tokens["trust_remote_code"] = False  # unset, transformers would ask on the terminal
    options: dict[str, Any] = {**tokens, "dtype": weight_dtype(job, arguments)}
    if job.loading.attn_implementation is not None:
        options["attn_implementation"] = job.loading.attn_implementation
    if job.loading.load_in_4bit:
        options |= _four_bits(arguments)
    try:
        tokenizer = transformers.AutoTokenizer.from_pretrained(source, **tokens)
        model = transformers.AutoModelForCausalLM.from_pretrained(source, **options)
    except (OSError, ValueError, ImportError, RuntimeError) as error:
        reason = " ".join((str(error).splitlines() or [type(error).__name__])[0].split())
        attention = job.loading.attn_implementation
        where = f" with loading.attn_implementation {attention}" if attention else ""
        raise UserError(f"model {job.model}: cannot be loaded{where}: {reason}") from None
    if job.loading.load_in_4bit:
        from peft import prepare_model_for_kbit_training

        model = prepare_model_for_kbit_training(
            model,
            use_gradient_checkpointing=arguments.gradient_checkpointing,
            gradient_checkpointing_kwargs=arguments.gradient_checkpointing_kwargs,
        )
    _set_template(tokenizer, arguments.chat_template_path, name=job.model)
    return model, tokenizer


def weight_dtype(job: TrainingJob, arguments: Any) -> Any:
    """Return the torch dtype in which the model's weights are held. `auto`: float32, or bfloat16 if
    they are held still under an adapter and bf16 is on."""
    import torch

    if job.loading.dtype != "auto":
        return getattr(torch, job.loading.dtype)
    return torch.bfloat16 if arguments.bf16 and job.lora else torch.float32


def _four_bits(arguments: Any) -> dict[str, Any]:
    """NF4 with double quantization, as published (QLoRA, 2305.14314 section 3)."""
    import torch
    from transformers import BitsAndBytesConfig

    compute = torch.float16 if arguments.fp16 else torch.bfloat16
    options: dict[str, Any] = {
        "quantization_config": BitsAndBytesConfig(
            load_in_4bit=True,
            bnb_4bit_quant_type="nf4",
            bnb_4bit_use_double_quant=True,
            bnb_4bit_compute_dtype=compute,
        )
    }
    if arguments.device.type == "cuda":  # each process its own copy on its own device
        options["device_map"] = {"": arguments.device}
    return options


def _set_template(tokenizer: Any, path: str | None, *, name: str) -> None:
    """Give the tokenizer the template that TRL will train with: a file, or another tokenizer's."""
    if path is not None:
        tokenizer.chat_template = _template(path)
    if tokenizer.chat_template is None:
        raise UserError(
            f"model {name}: its tokenizer has no chat template; set training.chat_template_path"
        )


def _template(path: str) -> Any:
    import transformers

    if path.endswith((".jinja", ".j2")) and os.path.isfile(path):
        try:
            return Path(path).read_text(encoding="utf-8")
        except UnicodeDecodeError:
            raise UserError(f"training.chat_template_path {path}: is not UTF-8 text") from None
    try:
        other = transformers.AutoTokenizer.from_pretrained(path, trust_remote_code=False)
    except (OSError, ValueError) as error:
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        raise UserError(
            f"training.chat_template_path {path}: neither a .jinja file nor a tokenizer: {reason}"
        ) from None
    if other.chat_template is None:
        raise UserError(f"training.chat_template_path {path}: has no chat template")
    return other.get_chat_template()
