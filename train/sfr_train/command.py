"""What `sfr-eval train` and `python -m sfr_train` do."""

from collections.abc import Sequence
from pathlib import Path

from sfr_eval.errors import UserError
from sfr_eval.util.reading import read_yaml_mapping


def train(recipe: str, assignments: Sequence[str] = ()) -> Path:
    """Train a recipe; returns the folder of the checkpoint. A recipe of the demo is trained once
    and kept in the cache."""
    from sfr_train.job import load_job, recipe_file, run_job

    file = recipe_file(recipe)
    values = read_yaml_mapping(file)
    if "new_model" in values or "start_from" in values:
        from sfr_train.demo.checkpoints import CHECKPOINTS, demo_checkpoint

        names = {stem: name for name, stem in CHECKPOINTS.items()}
        if assignments or file.stem not in names:
            raise UserError(
                f"recipe {recipe}: a recipe of the demo takes no --set; copy it as a job with "
                "`model: demo:base`"
            )
        return demo_checkpoint(names[file.stem])
    return run_job(load_job(recipe, assignments))
