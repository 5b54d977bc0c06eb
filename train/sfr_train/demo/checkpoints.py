"""The demo checkpoints, trained on first use into the user's cache.

`demo:base` is trained on text of the whole benchmark; `demo:sft` is `demo:base` fine-tuned on a few
persona-labelled chats. The same recipe on the same machine gives the same bytes.
"""

import fcntl
import hashlib
import json
import os
import shutil
from pathlib import Path

from sfr_eval.errors import UserError, did_you_mean
from sfr_eval.suites.world.persona import PersonaWorld
from sfr_eval.util.assets import cache_folder, find_suite
from sfr_eval.util.files import scratch_folder
from sfr_eval.util.progress import log
from sfr_train.demo.recipe import DemoRecipe, load_recipe
from sfr_train.flow.schedule import ScheduleSettings
from sfr_train.job import RECIPES
from sfr_train.job_file import TRAINER
from sfr_train.objectives import read_objective
from sfr_train.targets.segments import TargetSettings

CHECKPOINTS = {path.stem.removeprefix("demo_"): path.stem for path in RECIPES.glob("demo_*.yaml")}
_FORMAT = "5"  # raised when the training code changes what a recipe gives


def demo_checkpoint(name: str) -> Path:
    """Return the folder of a demo checkpoint, trained now if it is not in the cache."""
    if name not in CHECKPOINTS:
        raise UserError(f"--model demo:{name}: unknown; {did_you_mean(name, CHECKPOINTS)}")
    return _trained(CHECKPOINTS[name], PersonaWorld.load(find_suite("persona")))


def _trained(recipe_name: str, world: PersonaWorld) -> Path:
    recipe = load_recipe(recipe_name)
    folder = cache_folder() / "demo" / f"{recipe.name}-{recipe_digest(recipe, world)}"
    if (folder / "config.json").is_file():
        return folder
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        lock = (folder.parent / ".lock").open("w")
    except OSError as error:
        raise UserError(
            f"{folder.parent}: cannot be written ({error.strerror}); set SFR_EVAL_CACHE to a "
            "writable folder"
        ) from None
    start = _trained(recipe.start_from, world) if recipe.start_from else None
    with lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # a second command waits instead of training twice
        if (folder / "config.json").is_file():
            return folder
        log(f"training {recipe.name} (once; kept in {folder.parent})")
        scratch = scratch_folder(folder)
        try:
            from sfr_train.demo.fit import fit  # imports torch, which a cached model does not need

            fit(recipe, world, start=start, output=scratch)
            os.replace(scratch, folder)
        finally:
            shutil.rmtree(scratch, ignore_errors=True)
    return folder


def recipe_digest(recipe: DemoRecipe, world: PersonaWorld) -> str:
    """Identify a checkpoint by everything that decides it: its recipe, the recipes that it starts
    from, and the version of the benchmark."""
    parts = [_FORMAT, world.version, json.dumps(recipe.model_dump(mode="json"), sort_keys=True)]
    if recipe.objective.get("name") != "ce":  # a default that changes is another training, too
        settings = (
            read_objective(recipe.objective)[1],
            ScheduleSettings.model_validate(recipe.schedule),
            TargetSettings.model_validate(recipe.targets),
        )
        parts += [str(TRAINER), *(part.model_dump_json() for part in settings)]
    if recipe.start_from:
        parts.append(recipe_digest(load_recipe(recipe.start_from), world))
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:12]
