"""The base model of a replicate: its own tokenizer and weights, trained on the world's topics."""

import fcntl
import os
import tempfile
from pathlib import Path

from sfr_train.demo.fit import fit
from sfr_train.demo.recipe import DemoRecipe

from controls.setting import Setting
from controls.worlds import world_of


def base_model(setting: Setting, world: int, *, work: Path) -> Path:
    """The folder of the base model, trained now if there is none, by one process of a machine. Two
    machines that train it at the same time get the same weights, and the first keeps its folder."""
    folder = work / f"base-{world}-{setting.base_key(world)}"
    work.mkdir(parents=True, exist_ok=True)
    with (work / f"{folder.name}.lock").open("w") as stream:
        fcntl.flock(stream, fcntl.LOCK_EX)
        if not (folder / "config.json").is_file():
            _train(setting, world, folder)
    return folder


def _train(setting: Setting, world: int, folder: Path) -> None:
    work = folder.parent
    scratch = Path(tempfile.mkdtemp(prefix=f"{folder.name}.", dir=work))
    content = world_of(world, setting.generic_share)
    if setting.voices == "mixed":
        content = content.dialed(cross=1.0)
    fit(DemoRecipe.model_validate(setting.base_recipe(world)), content, start=None, output=scratch)
    if not folder.is_dir():
        os.replace(scratch, folder)
