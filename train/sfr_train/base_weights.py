"""Loads the base model of a job: dtype, attention, four bits."""

from importlib.util import find_spec
from typing import Any

from sfr_eval.errors import UserError
from sfr_train.base_tokenizer import load_tokenizer
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

    tokenizer = load_tokenizer(
        source, name=job.model, revision=job.revision, template=arguments.chat_template_path
    )
    options: dict[str, Any] = {"revision": job.revision} if job.revision else {}
    options["trust_remote_code"] = False  # unset, transformers would ask on the terminal
    options["dtype"] = weight_dtype(job, arguments)
    if job.loading.attn_implementation is not None:
        options["attn_implementation"] = job.loading.attn_implementation
    if job.loading.load_in_4bit:
        options |= _four_bits(arguments)
    try:
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
