"""A trainer with a head beside the model: optimized, clipped and saved separately from it.

The head is a submodule of the model while it trains, because DDP, FSDP2 and ZeRO-3 know only the
module tree. The model's own optimizer groups, gradient clipping and checkpoint are what they would
be without it.
"""

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save_file
from transformers import TrainerCallback

from sfr_eval.errors import RunError, UserError
from sfr_eval.util.progress import log
from sfr_train.flow.schedule import ScheduleSettings, model_start, phase_at
from sfr_train.loop.gradient_gate import GradientGate
from sfr_train.loop.gradient_ratio import GradientRatio
from sfr_train.loop.head_run import HEAD
from sfr_train.loop.learning_rates import check_scheduler, separate
from sfr_train.loop.weight_average import WeightAverage

HEAD_FILE = "sfr_head.safetensors"
STATE_FILE = "sfr_state.json"


_Trainer: Any = object  # for mypy: a class of transformers, which comes after this one


class HeadTrainer(_Trainer):
    """Trainer of a model that may carry a head: a mixin before a subclass of transformers.Trainer,
    whose methods it extends."""

    schedule: ScheduleSettings  # the head's learning rate and weight decay
    save_head = False  # also beside the final model
    _saving_checkpoint = False
    _head_groups = 0  # of the optimizer, its last
    _gate: GradientGate
    _ratio: GradientRatio
    average: WeightAverage | None = None

    def attach(self, head: Any) -> None:
        """Add the head to the model, before anything wraps the model."""
        check_scheduler(self.args, self.schedule)
        if self.is_deepspeed_enabled:
            self._check_for_deepspeed()
        # The search for unused parameters starts from the model's outputs, which do not include the
        # head. No parameter is unused: every rank runs all of both in every step.
        if self.accelerator.ddp_handler is not None:
            self.accelerator.ddp_handler.find_unused_parameters = False
        head.to(self.args.device)
        setattr(self.model, HEAD, head)
        self._wrap_in_fsdp(type(head).__name__)

    def _check_for_deepspeed(self) -> None:
        """Refuse what DeepSpeed would silently do wrong: its engine holds its own copy of the
        weights, and its optimizer steps before any callback can drop a gradient."""
        schedule = self.schedule
        if schedule.ema is not None:
            raise UserError("schedule.ema: not possible with DeepSpeed; leave it out or use FSDP2")
        head_only = schedule.head_steps > 0 and not schedule.cross_entropy_in_head_steps
        if head_only and self.args.weight_decay > 0:
            raise UserError(
                "schedule.head_steps: with DeepSpeed weight decay would move the model; "
                "set training.weight_decay 0 or schedule.cross_entropy_in_head_steps true"
            )

    def _wrap_in_fsdp(self, name: str) -> None:
        """Shard the head as its own unit: its dtype may differ from the model's."""
        if not self.is_fsdp_enabled:
            return
        plugin = self.accelerator.state.fsdp_plugin
        if plugin.transformer_cls_names_to_wrap is not None:
            plugin.transformer_cls_names_to_wrap = [*plugin.transformer_cls_names_to_wrap, name]
        else:
            modules = getattr(self.model, "_no_split_modules", None) or ()
            self.model._no_split_modules = {*modules, name}

    @property
    def head(self) -> Any:
        """The module beside the model, or None."""
        head = getattr(self.model, HEAD, None)  # without unwrapping, which walks over all modules
        return (
            getattr(self.accelerator.unwrap_model(self.model), HEAD, None) if head is None else head
        )

    @contextmanager
    def without_head(self) -> Iterator[None]:
        """Within this context the model has no head."""
        model, head = self.accelerator.unwrap_model(self.model), self.head
        if head is None:
            yield
            return
        delattr(model, HEAD)
        try:
            yield
        finally:
            setattr(model, HEAD, head)

    def create_optimizer(self, model: Any = None) -> Any:
        """Build TRL's optimizer for the model, with further groups for the head's parameters."""
        with self.without_head():
            optimizer = super().create_optimizer(model)
        head = self.head
        if head is None:
            return optimizer
        present = {id(p) for group in optimizer.param_groups for p in group["params"]}
        new = [p for p in head.parameters() if id(p) not in present]
        for matrices in (True, False):
            group = [p for p in new if (p.ndim > 1) == matrices]
            if group:
                rate = self.schedule.head_learning_rate
                rate = self.args.learning_rate if rate == "same" else rate
                decay = self.schedule.head_weight_decay if matrices else 0.0
                optimizer.add_param_group({"params": group, "lr": rate, "weight_decay": decay})
                self._head_groups += 1
        return optimizer

    def create_scheduler(self, num_training_steps: int, optimizer: Any = None) -> Any:
        """Build TRL's scheduler for the steps that move the model, and the head's over all."""
        if self.lr_scheduler is not None or not self._head_groups:
            return super().create_scheduler(num_training_steps, optimizer)
        start = model_start(self.schedule, total=num_training_steps)
        if start >= num_training_steps and self.args.process_index == 0:
            log(f"schedule.head_steps: all {num_training_steps} steps train the head alone")
        scheduler = super().create_scheduler(max(num_training_steps - start, 1), optimizer)
        separate(
            scheduler,
            self.schedule,
            arguments=self.args,
            total=num_training_steps,
            head_groups=self._head_groups,
        )
        return scheduler

    def _clip_grad_norm(self, model: Any) -> Any:
        """Clip both separately: a large gradient of the head must not shrink the model's step."""
        head = self.head
        if head is None or self.is_deepspeed_enabled:
            return super()._clip_grad_norm(model)
        in_head = {id(p) for p in head.parameters()}
        rest = [p for p in model.parameters() if id(p) not in in_head]
        norm = self.accelerator.clip_grad_norm_(rest, self.args.max_grad_norm)
        # accelerate unscales the gradients of fp16 in its call, for both; a second one fails.
        torch.nn.utils.clip_grad_norm_(list(head.parameters()), self.args.max_grad_norm)
        return norm

    # Checkpoints

    def _save(self, output_dir: str | None = None, state_dict: Any = None) -> None:
        """Save the plain language model, and the head separately if `save_head` or to resume."""
        head_state = None
        if self.head is not None and (self.save_head or self._saving_checkpoint):
            head_state = _head_state(self.head, state_dict)
        if state_dict is not None:
            state_dict = {k: v for k, v in state_dict.items() if not k.startswith(HEAD + ".")}
        with self.without_head():
            super()._save(output_dir, state_dict)
        if not self.args.should_save:
            return
        folder = Path(output_dir or self.args.output_dir)
        if head_state is not None:
            save_file(head_state, folder / HEAD_FILE)
        if head_state is not None or (self._has_state and self._saving_checkpoint):
            self._write_state(folder)

    @property
    def _has_state(self) -> bool:
        """Whether a resumed training needs more than weights and optimizer."""
        return self.head is not None or self._ratio.on or self.schedule.gate != "off"

    def _write_state(self, folder: Path) -> None:
        """Write what a resumed training needs beside weights and optimizer."""
        state = self._gate.state()
        if self._ratio.on:
            state["gradient_ratio"] = self._ratio.state()
        folder.mkdir(parents=True, exist_ok=True)
        (folder / STATE_FILE).write_text(json.dumps(state), encoding="utf-8")

    def _save_checkpoint(self, model: Any, trial: Any) -> None:
        self._saving_checkpoint = True
        if self.is_fsdp_enabled and self.args.should_save and self._has_state:
            # Ranks that save their own parts of a checkpoint do not call _save.
            self._write_state(Path(self.args.output_dir) / f"checkpoint-{self.state.global_step}")
        try:
            super()._save_checkpoint(model, trial)
        finally:
            self._saving_checkpoint = False

    def _load_from_checkpoint(self, resume_from_checkpoint: str, model: Any = None) -> None:
        if self.average is not None:
            self.average.resume(Path(resume_from_checkpoint))
        if self.is_fsdp_enabled or self.head is None:  # FSDP's own files hold the head as well
            super()._load_from_checkpoint(resume_from_checkpoint, model)
        else:
            with self.without_head():
                super()._load_from_checkpoint(resume_from_checkpoint, model)
            file = Path(resume_from_checkpoint) / HEAD_FILE
            if not file.is_file():
                raise RunError(f"{file}: missing; resume from a checkpoint that this trainer wrote")
            self.head.load_state_dict(load_file(file))
        file = Path(resume_from_checkpoint) / STATE_FILE
        if file.is_file():
            state = json.loads(file.read_text(encoding="utf-8"))
            self._gate.restore(state)
            if self._ratio.on and "gradient_ratio" in state:
                self._ratio.restore(state["gradient_ratio"])


class StepCallback(TrainerCallback):
    """Protects the model in head steps, averages the head, and lets the trainer log the step."""

    def __init__(self, trainer: Any) -> None:
        self._trainer = trainer
        self._before: list[torch.Tensor] | None = None

    def on_pre_optimizer_step(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        """Drop the model's gradients in head steps; keep the head's weights for the average."""
        trainer = self._trainer
        phase = phase_at(state.global_step, total=state.max_steps, settings=trainer.schedule)
        if not phase.cross_entropy:
            with trainer.without_head():
                trainer.model.zero_grad(set_to_none=True)
        if trainer.schedule.ema is not None and phase.joint and trainer.head is not None:
            self._before = [p.detach().clone() for p in trainer.head.parameters()]

    def on_optimizer_step(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        """Set head <- rho old + (1 - rho) new.

        The head is set to its average after every step, so the average is always the head before
        the step and needs no copy in a checkpoint. At the end of the head steps it starts from the
        trained head.
        """
        rho = self._trainer.schedule.ema
        if self._before is not None and rho is not None:
            with torch.no_grad():
                for parameter, old in zip(
                    self._trainer.head.parameters(), self._before, strict=True
                ):
                    parameter.lerp_(old, rho)
            self._before = None
        self._trainer.note_step()


def _head_state(head: Any, state_dict: Mapping[str, Any] | None) -> dict[str, torch.Tensor]:
    """Return the head's tensors, from the gathered state dict if parameters are sharded."""
    prefix = f"{HEAD}."
    tensors = head.state_dict(prefix=prefix) if state_dict is None else state_dict
    return {
        name.removeprefix(prefix): value.detach().cpu().contiguous()
        for name, value in tensors.items()
        if name.startswith(prefix)
    }
