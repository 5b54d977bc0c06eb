"""SFRTrainer: TRL's SFTTrainer with another token loss, or a loss on the future beside it.

    loss = CE + lambda_t * (sum of weighted anchor losses) / (sum of weights)

Both divisors belong to the whole optimizer step, over its micro-batches and ranks. Every objective,
cross-entropy included, takes the same way through this class, so twins differ in nothing else. With
weight 0, or an objective that is TRL's own, and the fused LM head, the weights are those of TRL's
trainer, bit for bit.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar

import torch
from trl import SFTTrainer

from sfr_eval.util.assets import cache_folder
from sfr_eval.util.reading import read_model
from sfr_train.flow.schedule import Phase, ScheduleSettings, phase_at
from sfr_train.loop.anchors import micro_batch_weight, pending, take_columns
from sfr_train.loop.forks import ForkCallback
from sfr_train.loop.gate import Gate
from sfr_train.loop.head_run import HeadRun, Outcome, logged_values
from sfr_train.loop.head_trainer import HeadTrainer
from sfr_train.loop.step_callback import StepCallback
from sfr_train.loop.token_trainer import LMHead
from sfr_train.objectives import objective_module
from sfr_train.objectives.base import Objective, Sizes
from sfr_train.targets.cached import Targets
from sfr_train.targets.collate import COLUMN, FutureCollator
from sfr_train.targets.future_data import with_future_states
from sfr_train.targets.segments import TargetSettings
from sfr_train.targets.text_encoder import TextEncoder


class SFRTrainer(HeadTrainer):
    """An SFTTrainer with an objective.

    objective: a name of `OBJECTIVES`, or a mapping {name: ..., settings}. schedule, targets:
    mappings or models of settings. lm_head: see `LMHead`. save_head: write the head beside the
    final checkpoint too. encoder: in place of targets.encoder, for tests and own models. All else
    is SFTTrainer's.
    """

    _tag_names: ClassVar = ["trl", "sft", "sfr"]
    data_collator: Any
    _signature_columns: Any

    def __init__(
        self,
        model: Any,
        args: Any = None,
        *,
        objective: str | Mapping[str, Any] = "sfr",
        schedule: ScheduleSettings | Mapping[str, Any] | None = None,
        targets: TargetSettings | Mapping[str, Any] | None = None,
        lm_head: LMHead = "auto",
        save_head: bool = False,
        encoder: TextEncoder | None = None,
        cache: Path | None = None,
        **others: Any,
    ) -> None:
        named = {"name": objective} if isinstance(objective, str) else dict(objective)
        module = objective_module(str(named.pop("name", "sfr")))
        settings = read_model(module.Settings, named, where="objective")
        self.schedule = _settings(ScheduleSettings, schedule, where="schedule")
        self.target_settings = _settings(TargetSettings, targets, where="targets")
        self.save_head = save_head
        self._encoder, self._cache = encoder, cache or cache_folder()
        self._targets: Targets | None = None
        # What the objective needs is only known when it is built, which needs sizes of the data:
        # a throw-away of the smallest sizes tells.
        shape = module.build(settings, Sizes(hidden=4, vocabulary=4, target=4))
        active = shape.future is not None and self.schedule.weight > 0
        self._needs_targets = active and shape.future.needs == "embeddings"
        super().__init__(model, args, **others)
        self.objective: Objective = self._build_objective(module, settings)
        if not active:
            self.objective = Objective(
                self.objective.token_loss, None, self.objective.embedding_noise
            )
        self.set_token_loss(
            self.objective.token_loss,
            lm_head=lm_head,
            embedding_noise=self.objective.embedding_noise,
        )
        self._step_weight = torch.ones(())
        self._gate = Gate(self.schedule)
        self._run: HeadRun | None = None
        if self.objective.future is not None:
            self._attach_future()
        if self.eval_dataset is not None and hasattr(self.eval_dataset, "select"):
            self.add_callback(ForkCallback(self))

    # Building

    def _build_objective(self, module: Any, settings: Any) -> Objective:
        """Built from a generator state of its own: the global one stays where TRL left it."""
        text = self.model.config.get_text_config()
        targets = self._targets
        sizes = Sizes(
            hidden=text.hidden_size,
            vocabulary=text.vocab_size,
            target=targets.size if targets else 4,
            scale=targets.deviation if targets else 1.0,
        )
        with torch.random.fork_rng(devices=[]):
            torch.default_generator.manual_seed(self.args.seed)
            built: Objective = module.build(settings, sizes)
        return built

    def _attach_future(self) -> None:
        future = self.objective.future
        assert future is not None
        if future.head is not None:
            self.attach(future.head)
        self.add_callback(StepCallback(self))
        self._run = HeadRun(self.model, future)
        if self._targets is not None:
            self.data_collator = FutureCollator(
                self.data_collator, self._targets, padding_free=self.padding_free
            )

    def _prepare_dataset(
        self,
        dataset: Any,
        processing_class: Any,
        args: Any,
        packing: bool,
        formatting_func: Any,
        dataset_name: str,
    ) -> Any:
        """TRL's tokens and labels; for training data also each token's state number."""
        prepare = super()._prepare_dataset

        def plainly(rows: Any, arguments: Any, packed: bool) -> Any:
            return prepare(rows, processing_class, arguments, packed, formatting_func, dataset_name)

        if dataset_name != "train" or not self._needs_targets:
            return plainly(dataset, args, packing)
        prepared, self._targets = with_future_states(
            dataset,
            plainly,
            arguments=args,
            packing=packing,
            tokenizer=self._tokenizer,
            settings=self.target_settings,
            cache=self._cache,
            encoder=self._encoder,
        )
        return prepared

    def _set_signature_columns_if_needed(self) -> None:
        super()._set_signature_columns_if_needed()
        if COLUMN not in self._signature_columns:
            self._signature_columns = [*self._signature_columns, COLUMN]

    # One step

    def get_batch_samples(
        self, epoch_iterator: Any, num_batches: int, device: Any
    ) -> tuple[list[Any], Any]:
        """The micro-batches of a step; the weight of all their anchors on all ranks is noted."""
        samples, items = super().get_batch_samples(epoch_iterator, num_batches, device)
        future = self.objective.future
        if future is not None and samples:
            weights = [micro_batch_weight(future, batch).to(device) for batch in samples]
            total = torch.stack([weight.float() for weight in weights]).sum()
            self._step_weight = self.accelerator.reduce(total, reduction="sum").clamp(min=1)
        return samples, items

    def compute_loss(
        self,
        model: Any,
        inputs: dict[str, Any],
        return_outputs: bool = False,
        num_items_in_batch: Any = None,
    ) -> Any:
        """The token loss, and in training the future loss beside it."""
        columns = take_columns(inputs)
        run, future = self._run, self.objective.future
        if run is None or future is None or not self.model.training:
            return super().compute_loss(model, inputs, return_outputs, num_items_in_batch)
        step = self.state.global_step
        phase = phase_at(step, total=self.state.max_steps, settings=self.schedule)
        armed = pending(
            future,
            inputs,
            columns,
            seed=self.args.seed,
            step=step,
            joint=phase.joint and not self._gate.closed,
            measure=self._measures(step),
        )
        run.arm(armed)
        loss = super().compute_loss(model, inputs, return_outputs, num_items_in_batch)
        outcome = run.take()
        self._last = (armed, outcome, phase)
        self._gate.add(outcome.terms, armed.anchors.weight, scale=self._scale)
        if return_outputs:
            return self._joined(loss[0], outcome, phase, num_items_in_batch), loss[1]
        return self._joined(loss, outcome, phase, num_items_in_batch)

    def _joined(
        self, loss: torch.Tensor, outcome: Outcome, phase: Phase, num_items_in_batch: Any
    ) -> torch.Tensor:
        """Ranks are averaged later, hence the factor; so are micro-batches where TRL cannot count
        the step's tokens."""
        factor = phase.weight * self.accelerator.num_processes
        if num_items_in_batch is None:
            factor *= self.current_gradient_accumulation_steps
        if not phase.cross_entropy:
            # Zero times the loss keeps every parameter in the graph, which DDP waits for. The
            # callback drops the zero gradients, else weight decay would act on them.
            loss = 0.0 * loss
        return loss + factor * outcome.terms.total / self._step_weight

    # Notes for the log

    def _measures(self, step: int) -> bool:
        """On steps that are logged."""
        every = self.args.logging_steps
        logged = self.args.logging_strategy == "steps" and every >= 1
        return bool(logged and (step + 1) % every == 0)

    @property
    def _scale(self) -> float:
        return self._targets.deviation if self._targets is not None else 1.0

    def note_step(self) -> None:
        """Called once for each optimizer step, on every rank. Values go where TRL collects its
        own; every logger of the Trainer gets them."""
        armed, outcome, phase = self._last
        self._gate.close_step(self.accelerator)
        if not armed.measure:
            return
        future = self.objective.future
        assert future is not None
        values = logged_values(future, armed, outcome, weight=phase.weight, scale=self._scale)
        for name, value in values.items():
            self._metrics["train"][f"future/{name}"].append(value)

    def log_apart(self, values: dict[str, float]) -> None:
        """To all loggers as it is: TRL's own `log` would rename it and empty its collection."""
        super(SFTTrainer, self).log(values)

    def step_state(self) -> dict[str, Any]:
        """The gate's."""
        return self._gate.state()

    def restore_step_state(self, state: Mapping[str, Any]) -> None:
        """The gate's."""
        self._gate.restore(state)


def _settings(kind: Any, given: Any, *, where: str) -> Any:
    if isinstance(given, kind):
        return given
    return read_model(kind, dict(given or {}), where=where)
