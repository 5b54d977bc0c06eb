"""A job as it will be trained: every setting with its value, and the content of what they name."""

import os
from pathlib import Path
from typing import Any

from sfr_eval.errors import UserError
from sfr_eval.models.fingerprint import file_sha256, fingerprint
from sfr_train.data.chat_data import DataSettings
from sfr_train.data.pieces import key_of
from sfr_train.data.rows import Tables
from sfr_train.job import TrainingJob
from sfr_train.job_file import Fingerprints, JobFile, job_file
from sfr_train.objectives import read_objective


def resolve_job(job: TrainingJob, *, arguments: Any, source: str, tables: Tables) -> JobFile:
    """Return the record of a job with these SFTConfig arguments, base model and rows."""
    _, objective = read_objective(job.objective)
    name = job.objective if isinstance(job.objective, str) else job.objective.get("name", "sfr")
    settings = job.model_dump(mode="json")
    settings["objective"] = {"name": name, **objective.model_dump(mode="json")}
    settings["training"] = _training(arguments)
    needs = objective.needs if job.schedule.weight > 0 else None
    micro_batch = arguments.per_device_train_batch_size * max(1, arguments.n_gpu)
    return job_file(
        settings,
        fingerprints=Fingerprints(
            rows=_rows_fingerprint(job.data, tables),
            model=model_fingerprint(source, revision=job.revision, name=job.model),
            template=_template_fingerprint(arguments.chat_template_path),
            encoder=_encoder_key(job) if needs == "embeddings" else "",
        ),
        rows=len(tables.train),
        held_out=len(tables.validation) if tables.validation is not None else 0,
        rows_a_step=micro_batch * arguments.gradient_accumulation_steps * arguments.world_size,
        processes=arguments.world_size,
    )


def model_fingerprint(source: str, *, revision: str | None, name: str) -> str:
    """Return the digest of a folder's content, or name and commit of a model on the Hub. Raises
    UserError if neither is there."""
    if os.path.isdir(source):
        return fingerprint(Path(source))
    from transformers import AutoConfig

    try:
        config = AutoConfig.from_pretrained(source, revision=revision, trust_remote_code=False)
    except (OSError, ValueError) as error:
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        raise UserError(f"model {name}: cannot be loaded: {reason}") from None
    return f"{source}@{getattr(config, '_commit_hash', None) or revision or 'main'}"


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


def _template_fingerprint(path: str | None) -> str:
    if path is None:
        return ""
    if os.path.isfile(path):
        return file_sha256(Path(path))
    return fingerprint(Path(path)) if os.path.isdir(path) else path


def _encoder_key(job: TrainingJob) -> str:
    from sfr_train.targets.text_encoder import SentenceEncoder

    return SentenceEncoder(job.targets).key
