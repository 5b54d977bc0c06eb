"""The base model of a replicate: its own tokenizer and weights, trained on the world's topics."""

import os
import tempfile
from pathlib import Path

from controls.setting import Setting
from controls.worlds import world_of
from sfr_train.demo.fit import fit
from sfr_train.demo.recipe import DemoRecipe


def base_model(setting: Setting, world: int, *, work: Path) -> Path:
    """The folder of the base model, trained now if there is none. Two processes that train it at
    the same time get the same weights, and the first to finish keeps its folder."""
    folder = work / f"base-{world}-{setting.base_key(world)}"
    if (folder / "config.json").is_file():
        return folder
    work.mkdir(parents=True, exist_ok=True)
    scratch = Path(tempfile.mkdtemp(prefix=f"{folder.name}.", dir=work))
    content = world_of(world, setting.generic_share)
    if setting.voices == "mixed":
        content = content.dialed(cross=1.0)
    fit(DemoRecipe.model_validate(setting.base_recipe(world)), content, start=None, output=scratch)
    if not folder.is_dir():
        os.replace(scratch, folder)
    return folder
