"""An axolotl plug-in: any objective, and diversity during training, from axolotl's own YAML.

    plugins: [sfr_train.plugins.axolotl.SfrPlugin]
    sfr_objective: {name: sfr, width: 1024}
    sfr_schedule: {weight: 1.0, gradient_ratio: 0.3}
    sfr_targets: {k: 64, stride: 8, scale: standardise}
    sfr_evaluation: {suite: persona, every: 200}

The interface is that of axolotl 0.19 (`axolotl.integrations.base.BasePlugin`).
"""

from functools import partial
from typing import Any

from axolotl.integrations.base import BasePlugin
from pydantic import BaseModel
from transformers import Trainer

from sfr_train.loop.suite_callback import SuiteCallback
from sfr_train.objectives import read_objective
from sfr_train.plugins.future import attach_future
from sfr_train.plugins.token_loss import compute_loss_func


class SfrArgs(BaseModel):
    """The keys that the plug-in adds to a configuration; `sfr_train` checks their values."""

    sfr_objective: str | dict[str, Any] | None = None
    sfr_schedule: dict[str, Any] | None = None
    sfr_targets: dict[str, Any] | None = None
    sfr_evaluation: dict[str, Any] | None = None


class SfrPlugin(BasePlugin):
    """Gives axolotl's trainer an objective of this project."""

    def get_input_args(self) -> str:
        """Name the model of the configuration's keys."""
        return "sfr_train.plugins.axolotl.SfrArgs"

    def post_trainer_create(self, cfg: Any, trainer: Any) -> None:
        """Replace the loss on tokens, or add a loss on the future."""
        objective = _plain(cfg.sfr_objective)
        if objective is None:
            return
        values = {"name": objective} if isinstance(objective, str) else objective
        if read_objective(values)[1].needs is None:
            name, others = values["name"], {k: v for k, v in values.items() if k != "name"}
            trainer.compute_loss_func = compute_loss_func(name, **others)
            return
        attach_future(
            trainer,
            trainer.processing_class,
            objective=values,
            schedule=_plain(cfg.sfr_schedule),
            targets=_plain(cfg.sfr_targets),
        )

    def add_callbacks_post_trainer(self, cfg: Any, trainer: Any) -> list[Any]:
        """Measure a suite while the model trains."""
        settings = _plain(cfg.sfr_evaluation)
        if settings is None:
            return []
        log = partial(Trainer.log, trainer)  # TRL's own would empty what it collects for its next
        return [SuiteCallback(tokenizer=trainer.processing_class, log=log, **settings)]


def _plain(value: Any) -> Any:
    """Return axolotl's dictionaries as plain ones: theirs answer None for a key that is missing."""
    if isinstance(value, dict):
        return {name: _plain(inner) for name, inner in value.items()}
    return [_plain(inner) for inner in value] if isinstance(value, list) else value
