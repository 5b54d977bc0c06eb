"""README.md beside trained weights: what trained them, from the record of the job."""

import json
import os
from pathlib import Path
from typing import Any

import yaml

from sfr_eval.util.files import write_atomic
from sfr_train.job_file import JOB_FILE, JobFile
from sfr_train.objectives import read_objective

CARD = "README.md"


def write_record(job: JobFile, folder: Path) -> None:
    """Write job.json and the model card into a folder of weights."""
    folder.mkdir(parents=True, exist_ok=True)
    job.write(folder)
    write_atomic(folder / CARD, model_card(job))


def model_card(job: JobFile) -> str:
    """Return the card in the Hub's format: a YAML header, then what trained the weights."""
    settings = job.settings
    objective = dict(settings["objective"])
    name = objective.pop("name")
    header: dict[str, Any] = {
        "library_name": "peft" if settings.get("lora") else "transformers",
        "tags": ["sfr-eval", "trl", name],
    }
    model = settings["model"]
    if not os.path.exists(model) and not model.startswith(("demo", "/", ".", "~")):
        header["base_model"] = model  # the Hub refuses a path here
    rows = {
        "objective": _named(name, objective),
        "base model": f"`{model}`"
        + (f" at {settings['revision']}" if settings["revision"] else ""),
        "data": f"{job.rows:,} rows ({_source(settings['data'])}), {job.held_out:,} held out",
        "training": _training(job),
    }
    if settings.get("lora"):
        rows["adapter"] = _named("LoRA", settings["lora"])
    _, values = read_objective(settings["objective"])
    if values.needs is not None:
        rows["schedule"] = _named("", settings["schedule"])
    if values.needs == "embeddings":
        rows["targets"] = _named("", settings["targets"])
    if settings.get("average"):
        rows["average of weights"] = _named("", settings["average"])
    rows["versions"] = ", ".join(f"{name} {text}" for name, text in job.versions.items())
    table = "\n".join(f"| {name} | {text} |" for name, text in rows.items())
    return (
        f"---\n{yaml.safe_dump(header, sort_keys=False)}---\n\n# {settings['name']}\n\n"
        f"Trained by `sfr-eval train` with the objective `{name}`.\n\n| | |\n|---|---|\n{table}\n\n"
        f"`{JOB_FILE}` holds every setting; its digest is `{job.digest}`.\n"
    )


def _training(job: JobFile) -> str:
    training = job.settings["training"]
    steps = training["max_steps"]
    length = f"{steps:,} steps" if steps > 0 else f"{training['num_train_epochs']:g} epochs"
    return (
        f"{length} of {job.rows_a_step:,} rows, learning rate {training['learning_rate']:g} "
        f"({training['lr_scheduler_type']}), seed {training['seed']}, "
        f"{job.processes} process{'es' if job.processes > 1 else ''}"
    )


def _source(data: dict[str, Any]) -> str:
    given = next((data[key] for key in ("file", "dataset", "world") if data.get(key)), "")
    return f"`{given}`" if isinstance(given, str) else f"`{json.dumps(given)}`"


def _named(name: str, settings: dict[str, Any]) -> str:
    shown = ", ".join(f"{key} {json.dumps(value)}" for key, value in settings.items())
    return " ".join(part for part in (f"`{name}`" if name else "", shown) if part).replace("|", "/")
