"""Runs the head inside the model's own forward pass and measures its effect on the states.

A hook on the backbone takes the last hidden state: no other layer's states are kept, and it is the
tensor that the LM head reads, whether with adapters, gradient checkpointing, packing or a fused
loss. The head runs in a hook on the whole model, so that DDP, FSDP2 and ZeRO-3 see one forward pass
with the same order of modules on every rank.
"""

from dataclasses import dataclass, replace
from typing import Any

import torch

from sfr_train.flow.noise import HashNoise
from sfr_train.loop.other_states import OtherStates
from sfr_train.objectives.base import Anchors, FutureLoss, FutureTerms

HEAD = "sfr_head"  # the head's name in the module tree of the model


@dataclass(frozen=True)
class AnchorBatch:
    """The anchors of the next micro-batch. row, column (N,): the positions of their states."""

    row: torch.Tensor
    column: torch.Tensor
    anchors: Anchors  # hidden is filled in by the forward pass
    noise: HashNoise
    joint: bool  # whether the gradient reaches the model
    measure: bool  # run the diagnostics, a second pass through the head
    gradients: bool = False  # measure gradients, also without the diagnostics


@dataclass
class Outcome:
    """What a forward pass produced. Of measured passes blind: the loss of the best prediction
    without h; shuffled: the loss when every anchor has a state of another sample. grad_future,
    grad_model: norms of d(future loss)/dh and d(cross-entropy)/dh after backward."""

    terms: FutureTerms
    blind: torch.Tensor | None = None
    shuffled: torch.Tensor | None = None
    grad_future: torch.Tensor | None = None
    grad_model: torch.Tensor | None = None


class HeadRun:
    """Hooks on one model: call `arm` before its forward pass and `take` after it."""

    def __init__(self, model: Any, future: FutureLoss) -> None:
        self._future = future
        self._batch: AnchorBatch | None = None
        self._hidden: torch.Tensor | None = None
        self._outcome: Outcome | None = None
        self._others = {True: OtherStates(), False: OtherStates()}  # by training or evaluation
        language_model = model.get_base_model() if hasattr(model, "get_base_model") else model
        # Registered before DDP or FSDP2 wrap anything; both keep modules and hooks.
        language_model.base_model.register_forward_hook(self._keep_hidden)
        model.register_forward_hook(self._run_head)

    def arm(self, batch: AnchorBatch) -> None:
        """Announce the micro-batch of the model's next forward pass."""
        self._batch, self._outcome = batch, None

    def take(self) -> Outcome:
        """Return the outcome of that pass; the hooks do nothing until armed again."""
        outcome, self._outcome = self._outcome, None
        assert outcome is not None, "the forward pass of the model did not reach the hooks"
        return outcome

    def _keep_hidden(self, module: Any, arguments: Any, output: Any) -> None:
        if self._batch is not None:
            self._hidden = output.last_hidden_state

    def _run_head(self, module: Any, arguments: Any, output: Any) -> None:
        batch, hidden = self._batch, self._hidden
        if batch is None or hidden is None:
            return
        self._batch = self._hidden = None
        states = hidden[batch.row, batch.column]
        gradients = batch.measure or batch.gradients
        if not batch.joint:
            states = states.detach()
            if gradients:
                states.requires_grad_()  # its gradient is measured and goes no further
        terms = self._future.terms(replace(batch.anchors, hidden=states), batch.noise)
        self._outcome = Outcome(terms)
        if batch.measure:
            self._compare(self._outcome, batch, states.detach(), training=module.training)
        self._others[module.training].keep(states, batch.anchors.sequences)
        if gradients and hidden.requires_grad and states.requires_grad:
            self._measure_gradients(self._outcome, batch, hidden, states)

    def _compare(
        self,
        outcome: Outcome,
        batch: AnchorBatch,
        states: torch.Tensor,
        *,
        training: bool,
    ) -> None:
        """Add the losses without h and with states of other samples, at the same draws."""
        others = self._others[training].pair(
            states,
            batch.anchors.sequences,
            names_are_local=batch.anchors.tokens is not None,
        )
        with torch.no_grad():
            anchors = replace(batch.anchors, hidden=states if others is None else others)
            # Also where there is no other sample: the ranks wait for the shards of one another.
            shuffled = self._future.terms(anchors, batch.noise)
            blind = self._future.blind_terms(anchors, batch.noise)
        outcome.shuffled = None if others is None else shuffled.total
        outcome.blind = None if blind is None else blind.total

    @staticmethod
    def _measure_gradients(
        outcome: Outcome, batch: AnchorBatch, hidden: torch.Tensor, states: torch.Tensor
    ) -> None:
        """Measure gradients: they reach `states` first, then `hidden` with both parts in it."""
        future_gradient: list[torch.Tensor] = []

        def at_states(gradient: torch.Tensor) -> None:
            future_gradient.append(gradient.detach().float())
            outcome.grad_future = future_gradient[0].norm()

        def at_hidden(gradient: torch.Tensor) -> None:
            rest = gradient.detach().float()
            if batch.joint and future_gradient:
                positions = (batch.row, batch.column)
                rest = rest.index_put(positions, -future_gradient[0], accumulate=True)
            outcome.grad_model = rest.norm()

        states.register_hook(at_states)
        hidden.register_hook(at_hidden)
