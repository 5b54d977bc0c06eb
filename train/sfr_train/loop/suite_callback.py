"""A small sfr-eval run at each evaluation step, which shows collapse while it happens.

The plain model is saved to a scratch folder and measured there with the transformers engine, and
every number goes to the Trainer's own loggers as `suite/<metric>`. Rank 0 measures while the others
wait. Random states are restored, so that training continues as if nothing had been drawn.
"""

import random
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import torch
from transformers import TrainerCallback

from sfr_eval.config import load_run_config
from sfr_eval.pipeline.run import execute
from sfr_eval.store.results import Results
from sfr_train.job import EvaluationSettings


class SuiteCallback(TrainerCallback):
    """Measures the model on the first queries of a suite while it trains."""

    def __init__(self, trainer: Any, settings: EvaluationSettings, *, folder: Path) -> None:
        self._trainer, self._settings, self._folder = trainer, settings, folder

    def on_evaluate(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        """Run sfr-eval; the run folder step-<n> stays, with its samples and report."""
        checkpoint = self._folder / f"model-{state.global_step}"
        self._trainer.save_model(str(checkpoint), _internal_call=True)  # collective when sharded
        accelerator = self._trainer.accelerator
        accelerator.wait_for_everyone()
        values: dict[str, float] = {}
        if accelerator.is_main_process:
            states = random.getstate(), np.random.get_state()
            try:
                with torch.random.fork_rng():
                    values = self._measure(checkpoint, self._folder / f"step-{state.global_step}")
            finally:
                random.setstate(states[0])
                np.random.set_state(states[1])
                shutil.rmtree(checkpoint, ignore_errors=True)
        accelerator.wait_for_everyone()
        if values:
            self._trainer.log_apart(values)

    def _measure(self, checkpoint: Path, folder: Path) -> dict[str, float]:
        settings = self._settings
        config = load_run_config(
            {
                "model": str(checkpoint),
                "suite": (settings.suite,),
                "engine": "transformers",
                "temperatures": (settings.temperature,),
                "output": folder,
                **settings.model_dump(include={"limit", "samples", "max_tokens", "metrics"}),
            },
            environment={},
        )
        execute(config)
        return {
            f"suite/{estimate.metric}": estimate.value
            for estimate in Results.load(folder).estimates
            if not estimate.persona and estimate.value is not None
        }
