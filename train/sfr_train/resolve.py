"""A job as it will be trained: every setting with its value, and the content of what they name."""

import os
from pathlib import Path
from typing import Any

from sfr_eval.errors import UserError
from sfr_eval.models.fingerprint import file_sha256, fingerprint
from sfr_train.base_tokenizer import template_fingerprint
from sfr_train.data.chat_data import DataSettings
from sfr_train.data.pieces import key_of
from sfr_train.data.rows import Tables
from sfr_train.job import TrainingJob
from sfr_train.job_file import Fingerprints, JobFile, job_file
from sfr_train.objectives import read_objective


def resolve_job(job: TrainingJob, *, arguments: Any, source: str, tables: Tables) -> JobFile:
    """Return the record of a job with these SFTConfig arguments, base model and rows."""
    module, objective = read_objective(job.objective)
    name = job.objective if isinstance(job.objective, str) else job.objective.get("name", "sfr")
    settings = job.model_dump(mode="json")
    settings["objective"] = {"name": name, **objective.model_dump(mode="json")}
    settings["training"] = _training(arguments)
    config = base_config(source, revision=job.revision, name=job.model)
    needs = objective.needs if job.schedule.weight > 0 else None
    micro_batch = arguments.per_device_train_batch_size * max(1, arguments.n_gpu)
    return job_file(
        settings,
        fingerprints=Fingerprints(
            rows=_rows_fingerprint(job.data, tables),
            model=_model_fingerprint(source, config, revision=job.revision),
            template=template_fingerprint(arguments.chat_template_path),
            encoder=_encoder_key(job) if needs == "embeddings" else "",
            rewards=module.fingerprint(objective) if hasattr(module, "fingerprint") else "",
            deepspeed=_file_fingerprint(arguments.deepspeed),
        ),
        rows=len(tables.train),
        held_out=len(tables.validation) if tables.validation is not None else 0,
        rows_a_step=micro_batch * arguments.gradient_accumulation_steps * arguments.world_size,
        processes=arguments.world_size,
        micro_batch=micro_batch if _by_micro_batch(job, objective, config, arguments) else None,
    )


def base_config(source: str, *, revision: str | None, name: str) -> Any:
    """Return the configuration of a base model. Raises UserError if there is none, or if it is an
    adapter, which transformers would load and then not train."""
    from transformers import AutoConfig

    if os.path.isfile(os.path.join(source, "adapter_config.json")):
        raise UserError(
            f"model {name}: is an adapter; merge it into its base model (peft's merge_and_unload) "
            "and train that"
        )
    try:
        return AutoConfig.from_pretrained(source, revision=revision, trust_remote_code=False)
    except (OSError, ValueError) as error:
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        raise UserError(f"model {name}: cannot be loaded: {reason}") from None


def _model_fingerprint(source: str, config: Any, *, revision: str | None) -> str:
    """Return the digest of a folder's content, or name and commit of a model on the Hub."""
    if os.path.isdir(source):
        return fingerprint(Path(source))
    return f"{source}@{getattr(config, '_commit_hash', None) or revision or 'main'}"


def _by_micro_batch(job: TrainingJob, objective: Any, config: Any, arguments: Any) -> bool:
    """Return whether the same rows in other micro-batches give other weights, beyond rounding: by
    a loss that is a statistic of one, or by random numbers that are drawn for one."""
    dropout = [value for name, value in config.to_dict().items() if "drop" in name]
    return (
        objective.by_micro_batch
        or (job.lora is not None and job.lora.dropout > 0)
        or any(isinstance(value, int | float) and value > 0 for value in dropout)
        or getattr(arguments, "loss_type", None) == "bnpo"
    )


def _rows_fingerprint(settings: DataSettings, tables: Tables) -> str:
    """Return a digest of all chats as they were read, and of what decides which are held out and
    how the template writes them. Where they lie does not count."""
    choice = settings.model_dump_json(include={"validation", "validation_seed", "template"})
    apart = settings.validation_file is not None
    return key_of(tables.survey.fingerprint, tables.survey.held_out, apart, choice)


def _training(arguments: Any) -> dict[str, Any]:
    """Return all fields of SFTConfig; its own `to_dict` hides the names of tokens."""
    values: dict[str, Any] = arguments.to_dict()
    values |= {name: getattr(arguments, name, None) for name in ("eos_token", "pad_token")}
    return {**values, "mixed_precision": arguments.mixed_precision}


def _file_fingerprint(path: Any) -> str:
    return file_sha256(Path(path)) if isinstance(path, str) and os.path.isfile(path) else ""


def _encoder_key(job: TrainingJob) -> str:
    from sfr_train.targets.text_encoder import SentenceEncoder

    return SentenceEncoder(job.targets).key
