"""One optimizer step with a loss on the future beside the trainer's own loss.

A mixin before any subclass of transformers.Trainer that calls `super().compute_loss`: TRL's
SFTTrainer in `sfr_train.trainer`, any other in `sfr_train.plugins.future`.
"""

from functools import cached_property
from typing import Any

import torch

from sfr_train.flow.schedule import Phase, phase_at
from sfr_train.loop.batch import anchor_batch, micro_batch_weight, take_columns
from sfr_train.loop.frozen_base import FrozenBase
from sfr_train.loop.future_sums import FutureSums
from sfr_train.loop.head_run import AnchorBatch, HeadRun, Outcome
from sfr_train.loop.head_trainer import HeadTrainer
from sfr_train.loop.step_log import StepMean, is_logged
from sfr_train.objectives.base import FutureLoss, Objective


class FutureTrainer(HeadTrainer):
    """Adds lambda_t times the future loss to the loss of each micro-batch in training."""

    objective: Objective
    _step_weight: torch.Tensor  # of the anchors of the whole step
    _base: FrozenBase | None
    _steps_an_epoch = 1
    _run: HeadRun | None
    _last: tuple[AnchorBatch, Outcome, Phase]
    _metrics: Any  # of TRL's trainers

    @cached_property
    def _sums(self) -> FutureSums:
        """Of the micro-batches of a logged step."""
        return FutureSums()

    @cached_property
    def _cross_entropy(self) -> StepMean:
        """Of the steps since the last line of the log."""
        return StepMean()

    @cached_property
    def _held_out_sums(self) -> FutureSums:
        """Of the batches of an evaluation."""
        return FutureSums()

    def get_batch_samples(
        self, epoch_iterator: Any, num_batches: int, device: Any
    ) -> tuple[list[Any], Any]:
        """Return the micro-batches of a step; record the weight of their anchors over all ranks."""
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
        """Return the token loss, and in training the future loss added to it. In evaluation the
        future loss is only measured."""
        columns = take_columns(inputs)
        run, future = self._run, self.objective.future
        if run is None or future is None:
            return super().compute_loss(model, inputs, return_outputs, num_items_in_batch)
        if not self.model.training:
            batch = self._held_out_batch(future, inputs, columns)
            result = super().compute_loss(model, inputs, return_outputs, num_items_in_batch)
            if batch is not None:
                self._held_out_sums.add(future, batch, run.take())
            return result
        step = self.state.global_step
        phase = phase_at(step, total=self.state.max_steps, settings=self.schedule)
        phase = self._ratio.adjust(phase)
        batch = anchor_batch(
            future,
            inputs,
            columns,
            seed=self.args.seed,
            step=step,
            joint=phase.joint and not self._gate.closed,
            measure=is_logged(
                step,
                arguments=self.args,
                state=self.state,
                steps_an_epoch=self._steps_an_epoch,
            ),
            gradients=self._ratio.on,
        )
        if self._base is not None:
            batch = self._base.with_states(batch, inputs)
        run.arm(batch)
        loss = super().compute_loss(model, inputs, return_outputs, num_items_in_batch)
        outcome = run.take()
        self._last = (batch, outcome, phase)
        self._gate.add(outcome.terms, batch.anchors, future)
        if batch.measure:
            self._sums.add(future, batch, outcome)
        self._ratio.add(outcome, weight=phase.weight)
        if return_outputs:
            return self._total(loss[0], outcome, phase, num_items_in_batch), loss[1]
        return self._total(loss, outcome, phase, num_items_in_batch)

    def _held_out_batch(
        self, future: FutureLoss, inputs: dict[str, Any], columns: Any
    ) -> AnchorBatch | None:
        """Announce the anchors of a batch of evaluation, if its rows have targets."""
        if self._run is None or not (columns or (future.tokens and future.head is not None)):
            return None
        # The same draws in every evaluation, so that its losses can be compared.
        batch = anchor_batch(
            future, inputs, columns, seed=self.args.seed, step=0, joint=False, measure=True
        )
        self._run.arm(batch)
        return batch

    def _total(
        self, loss: torch.Tensor, outcome: Outcome, phase: Phase, num_items_in_batch: Any
    ) -> torch.Tensor:
        """Add both losses. Ranks are averaged later, hence the factor; so are micro-batches if TRL
        cannot count the tokens of the step."""
        factor = phase.weight * self.accelerator.num_processes
        steps = self.current_gradient_accumulation_steps if num_items_in_batch is None else 1
        factor *= steps
        self._cross_entropy.add(loss / steps)
        if not phase.cross_entropy:
            # Zero times the loss keeps every parameter in the graph, where DDP expects it. The
            # callback drops the zero gradients, or weight decay would act on the parameters.
            loss = 0.0 * loss
        return loss + factor * outcome.terms.total / self._step_weight

    # Logging

    def evaluation_loop(self, *arguments: Any, **options: Any) -> Any:
        """Return the trainer's outcome with the future loss of the held-out rows, over all ranks.
        Rows that fill up the last batch of a rank count twice."""
        output = super().evaluation_loop(*arguments, **options)
        if self._run is not None and output.metrics is not None:
            prefix = options.get("metric_key_prefix", "eval")
            values = self._held_out_sums.take(self.accelerator)
            output.metrics.update({f"{prefix}_future_{k}": v for k, v in values.items()})
        return output

    def set_initial_training_values(self, args: Any, dataloader: Any) -> Any:
        """Note how many steps an epoch has."""
        values = super().set_initial_training_values(args, dataloader)
        self._steps_an_epoch = max(values[1], 1)
        return values

    def log(self, logs: dict[str, float], *arguments: Any, **named: Any) -> None:
        """Log the cross-entropy beside the total loss."""
        if "loss" in logs and (mean := self._cross_entropy.take(self.accelerator)) is not None:
            logs = {**logs, "ce": mean}
        super().log(logs, *arguments, **named)

    def note_step(self) -> None:
        """Finish an optimizer step, on every rank. Values go where TRL collects its own, so that
        every logger of the Trainer receives them."""
        batch, outcome, phase = self._last
        self._cross_entropy.close_step()
        self._gate.close_step(self.accelerator)
        self._ratio.close_step(self.accelerator, joint=batch.joint)
        if not batch.measure:
            return
        values = {**self._sums.take(self.accelerator), "weight": phase.weight}
        if outcome.grad_future is not None and outcome.grad_model:
            values["gradient_ratio"] = float(outcome.grad_future / outcome.grad_model)
        self.record_values({f"future/{name}": value for name, value in values.items()})

    def record_values(self, values: dict[str, float]) -> None:
        """Add values to the next line of the log: TRL averages what it collects until then."""
        for name, value in values.items():
            self._metrics["train"][name].append(value)
