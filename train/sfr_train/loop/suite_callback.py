"""A small sfr-eval run at each evaluation step, so that collapse shows while it happens.

The plain model is saved to a scratch folder, measured there by `sfr_eval.pipeline.run` with the
transformers engine, and every number goes to the Trainer's own loggers as `suite/<metric>`. Rank 0
measures, the others wait. Random states are put back: training goes on as if nothing
had been drawn.
"""

import json
import random
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from transformers import TrainerCallback

from sfr_eval.config import load_run_config

if TYPE_CHECKING:
    from sfr_train.job import EvaluationSettings


class SuiteCallback(TrainerCallback):
    """Measures the model in training on the first queries of a suite."""

    def __init__(self, trainer: Any, settings: "EvaluationSettings", *, folder: Path) -> None:
        self._trainer, self._settings, self._folder = trainer, settings, folder

    def on_evaluate(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        """Run folders are kept as step-<n>; they hold samples and a report each."""
        checkpoint = self._folder / f"model-{state.global_step}"
        self._trainer.save_model(str(checkpoint), _internal_call=True)  # collective when sharded
        accelerator = self._trainer.accelerator
        accelerator.wait_for_everyone()
        found: dict[str, float] = {}
        if accelerator.is_main_process:
            states = random.getstate(), np.random.get_state()
            try:
                with torch.random.fork_rng():
                    found = self._measure(checkpoint, self._folder / f"step-{state.global_step}")
            finally:
                random.setstate(states[0])
                np.random.set_state(states[1])
                shutil.rmtree(checkpoint, ignore_errors=True)
        accelerator.wait_for_everyone()
        if found:
            self._trainer.log_apart(found)

    def _measure(self, checkpoint: Path, folder: Path) -> dict[str, float]:
        from sfr_eval.pipeline.run import execute

        wanted = self._settings
        config = load_run_config(
            {
                "model": str(checkpoint),
                "suite": (wanted.suite,),
                "engine": "transformers",
                "limit": wanted.limit,
                "samples": wanted.samples,
                "temperatures": (wanted.temperature,),
                "max_tokens": wanted.max_tokens,
                "metrics": wanted.metrics,
                "output": folder,
            },
            environment={},
        )
        execute(config)
        results = json.loads((folder / "results.json").read_text(encoding="utf-8"))
        return {
            f"suite/{estimate['metric']}": float(estimate["value"])
            for estimate in results["estimates"]
            if estimate["persona"] == "" and estimate["value"] is not None
        }
