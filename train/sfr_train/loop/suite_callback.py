"""A small sfr-eval run while a model trains, which shows collapse as it happens.

    trainer = GRPOTrainer(..., callbacks=[SuiteCallback(suite="persona", every=50)])

Works in any transformers.Trainer, TRL's SFT, DPO and GRPO trainers among them. The model that is
trained generates, on all processes (`live_sampler`); the first one measures, which takes seconds
with the default metrics, while the others go on to their next collective operation. Random states
are restored, so that training continues as if nothing had been drawn.

Every number goes to the loggers of `report_to` as `suite/<metric>`, and the run folder step-<n>
stays with its samples and report.
"""

import copy
import shutil
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import torch
from accelerate.utils import broadcast_object_list
from safetensors.torch import save_file
from transformers import TrainerCallback
from transformers.integrations import get_reporting_integration_callbacks

from sfr_eval.config import RunConfig, load_run_config
from sfr_eval.errors import RunError, UserError
from sfr_eval.pipeline.draw import draw
from sfr_eval.pipeline.preflight import Preflight, preflight
from sfr_eval.pipeline.run import finish
from sfr_eval.store.results import Results
from sfr_eval.types import Request
from sfr_eval.util.reading import read_model
from sfr_train.job import EvaluationSettings
from sfr_train.loop.live_sampler import (
    DrawnRows,
    LiveSampler,
    drawn_by_all,
    in_evaluation,
    language_model,
)
from sfr_train.loop.random_states import random_states_kept

Log = Callable[[dict[str, float]], None]


class SuiteCallback(TrainerCallback):
    """Measures the model on the first queries of a suite, at each evaluation or every N steps.

    tokenizer: default the trainer's processing_class. folder: of the run folders; default
    <output_dir>/evaluations. log: default the trackers of `report_to`. settings: those of a job's
    section `evaluation`.
    """

    def __init__(
        self,
        *,
        tokenizer: Any = None,
        folder: Path | str | None = None,
        log: Log | None = None,
        **settings: Any,
    ) -> None:
        self._settings = read_model(EvaluationSettings, settings, where="evaluation")
        self._tokenizer, self._log = tokenizer, log
        self._folder = Path(folder) if folder is not None else None
        self._trackers: list[Any] | None = None

    def on_evaluate(
        self, args: Any, state: Any, control: Any, model: Any = None, **others: Any
    ) -> None:
        """Measure at an evaluation of the Trainer, unless steps are given."""
        if self._settings.every is None:
            self._measure(args, state, control, model, others.get("processing_class"))

    def on_step_end(
        self, args: Any, state: Any, control: Any, model: Any = None, **others: Any
    ) -> None:
        """Measure after every N-th step."""
        every = self._settings.every
        if every is not None and state.global_step % every == 0:
            self._measure(args, state, control, model, others.get("processing_class"))

    def _measure(self, args: Any, state: Any, control: Any, model: Any, tokenizer: Any) -> None:
        tokenizer = self._tokenizer or getattr(tokenizer, "tokenizer", tokenizer)
        if tokenizer is None:
            raise UserError("SuiteCallback: the trainer has no tokenizer; give tokenizer=")
        folder = (self._folder or Path(args.output_dir) / "evaluations").resolve()
        with random_states_kept():
            values = self._run(language_model(model), tokenizer, state.global_step, args, folder)
        if values:
            self._report(values, args, state, control, model)

    def _run(
        self, model: Any, tokenizer: Any, step: int, args: Any, folder: Path
    ) -> dict[str, float]:
        """Draw on all processes and measure on the first; the others return nothing."""
        first = args.process_index == 0
        stand_in = folder / f"model-{step}"
        ready: Preflight | None = None
        plan: list[Any] = [None, None, None]  # requests, prompter, or the first rank's error
        try:
            if first:
                try:
                    _write_stand_in(stand_in, model, tokenizer, step=step)
                    output = folder / f"step-{step}"
                    shutil.rmtree(output, ignore_errors=True)  # of an earlier training
                    ready = preflight(self._config(stand_in, output), weights=False)
                    requests = list(ready.plan.requests())
                    prompter = ready.subject.prompter
                    LiveSampler(model, prompter=prompter, processes=1).check(requests)
                    plan = [requests, prompter, None]
                except (UserError, RunError) as error:
                    plan = [None, None, error]
            if args.world_size > 1:
                broadcast_object_list(plan)
            requests, prompter, failure = plan
            if failure is not None:
                raise failure
            return self._values(ready, requests, model, prompter, args)
        finally:
            if ready is not None:
                ready.close()
            if first:
                shutil.rmtree(stand_in, ignore_errors=True)

    def _values(
        self, ready: Preflight | None, requests: list[Request], model: Any, prompter: Any, args: Any
    ) -> dict[str, float]:
        sampler = LiveSampler(model, prompter=prompter, processes=args.world_size)
        with in_evaluation(model, sampler.ends):
            rows = drawn_by_all(
                sampler, requests, rank=args.process_index, processes=args.world_size
            )
        if ready is None:
            return {}
        engine = DrawnRows(rows, sampler.describe())
        with ready.folder:
            finish(ready, draw(ready, sampler=lambda _ready, _missing: closing(engine)))
        return {
            f"suite/{estimate.metric}": estimate.value
            for estimate in Results.load(ready.folder.path).estimates
            if not estimate.persona and estimate.value is not None
        }

    def _config(self, model: Path, output: Path) -> RunConfig:
        settings = self._settings
        return load_run_config(
            {
                "model": str(model),
                "suite": (settings.suite,),
                "engine": "transformers",
                "temperatures": (settings.temperature,),
                "output": output,
                **settings.model_dump(include={"limit", "samples", "max_tokens", "metrics"}),
            },
            environment={},
        )

    def _report(
        self, values: dict[str, float], args: Any, state: Any, control: Any, model: Any
    ) -> None:
        """Log on the first process. A callback does not know its trainer, so that without `log` it
        opens the trackers again, which join the run that is open, and the history."""
        if self._log is not None:
            self._log(values)
            return
        state.log_history.append({**values, "step": state.global_step})
        if self._trackers is None:
            self._trackers = [
                make() for make in get_reporting_integration_callbacks(args.report_to)
            ]
        for tracker in self._trackers:
            tracker.on_log(args, state, control, logs=dict(values), model=model)


def _write_stand_in(folder: Path, model: Any, tokenizer: Any, *, step: int) -> None:
    """Write what the plan of a run reads of a checkpoint: configuration, tokenizer and, for the
    fingerprint, one number in the place of the weights."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    config = copy.deepcopy(model.config)
    # FSDP2 renames the class of the model.
    config.architectures = config.architectures or [type(model).__name__.removeprefix("FSDP")]
    config.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    save_file({"step": torch.tensor([step])}, folder / "model.safetensors")
