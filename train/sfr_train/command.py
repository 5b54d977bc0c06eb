"""What `sfr-eval train` and `python -m sfr_train` do."""

import math
from collections.abc import Sequence
from pathlib import Path

from sfr_eval.errors import UserError
from sfr_eval.util.reading import read_yaml_mapping
from sfr_train.demo.checkpoints import CHECKPOINTS, demo_checkpoint
from sfr_train.job import load_job, recipe_file


def train(recipe: str, assignments: Sequence[str] = (), *, encode_only: bool = False) -> Path:
    """Train a recipe and return the folder of the checkpoint, or only encode its targets and return
    theirs. A recipe of the demo is trained once and kept in the cache."""
    file = recipe_file(recipe)
    values = read_yaml_mapping(file)
    if "new_model" in values or "start_from" in values:
        if encode_only:
            raise UserError(f"recipe {recipe}: --encode-only is for jobs, not for the demo")
        name = file.stem.removeprefix("demo_")
        if assignments or CHECKPOINTS.get(name) != file.stem:
            raise UserError(
                f"recipe {recipe}: a recipe of the demo takes no --set; copy it as a job with "
                "`model: demo:base`"
            )
        return demo_checkpoint(name)
    job = load_job(recipe, assignments)
    if encode_only:
        from sfr_train.encode_only import encode_targets

        return encode_targets(job, find_model=_model_folder)
    from sfr_train.run_job import run_job  # imports torch: a bad recipe is reported without it

    return run_job(job, find_model=_model_folder)


def dry_run(
    recipe: str,
    assignments: Sequence[str] = (),
    *,
    gpus: int = 8,
    gpu_memory: float = 80.0,
    tokens_per_second: float | None = None,
) -> list[str]:
    """Return what training a job would need, as lines; nothing is trained, and no weights are
    loaded. gpu_memory: GiB of one GPU; tokens_per_second: measured on one GPU."""
    numbers = {
        "--gpus": gpus,
        "--gpu-memory": gpu_memory,
        "--tokens-per-second": tokens_per_second,
    }
    for option, number in numbers.items():
        if number is not None and not 0 < number < math.inf:
            raise UserError(f"{option} {number:g}: give a number above 0")
    if {"new_model", "start_from"} & read_yaml_mapping(recipe_file(recipe)).keys():
        raise UserError(f"recipe {recipe}: --dry-run is for jobs; the demo trains on any machine")
    job = load_job(recipe, assignments)
    from sfr_train.plan.plan import Hardware, plan_job
    from sfr_train.plan.report import lines

    hardware = Hardware(gpus=gpus, memory=gpu_memory, tokens_per_second=tokens_per_second)
    return list(lines(plan_job(job, hardware, find_model=_model_folder)))


def _model_folder(model: str) -> str:
    """Return the folder of a demo model, trained now if not cached; other names as they are."""
    if model != "demo" and not model.startswith("demo:"):
        return model
    return str(demo_checkpoint(model.partition(":")[2] or "base"))
