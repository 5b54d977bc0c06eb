"""Runs the head inside the model's own forward pass and measures what it does to the states.

The last hidden state is taken by a hook on the backbone: no other layer's states are kept, and it
is the tensor that the LM head reads, with adapters, gradient checkpointing, packing or a fused loss
alike. The head runs in a hook on the whole model, so that DDP, FSDP2 and ZeRO-3 see one forward
pass with the same order of modules on every rank.
"""

from dataclasses import dataclass, replace
from typing import Any

import torch

from sfr_train.flow.flow import blind_floor
from sfr_train.flow.noise import Noise
from sfr_train.objectives.base import Anchors, FutureLoss, FutureTerms

HEAD = "sfr_head"  # the head's name in the module tree of the model


@dataclass(frozen=True)
class Pending:
    """The anchors of the micro-batch about to run. row, column (N,): their states' places."""

    row: torch.Tensor
    column: torch.Tensor
    anchors: Anchors  # hidden is filled in by the forward pass
    noise: Noise
    joint: bool  # may the gradient reach the model?
    measure: bool  # the diagnostics cost a second pass through the head


@dataclass
class Outcome:
    """What the forward pass left. shuffled: the loss with each state given to another anchor;
    grad_future, grad_model: norms of d(future loss)/dh and d(cross-entropy)/dh after backward."""

    terms: FutureTerms
    shuffled: float | None = None
    grad_future: float | None = None
    grad_model: float | None = None


class HeadRun:
    """Hooks on one model; `arm` before its forward pass, `take` after it."""

    def __init__(self, model: Any, future: FutureLoss) -> None:
        self._future = future
        self._pending: Pending | None = None
        self._hidden: torch.Tensor | None = None
        self._outcome: Outcome | None = None
        language_model = model.get_base_model() if hasattr(model, "get_base_model") else model
        # Registered before DDP or FSDP2 wrap anything; both keep modules and hooks.
        language_model.base_model.register_forward_hook(self._keep_hidden)
        model.register_forward_hook(self._run_head)

    def arm(self, pending: Pending) -> None:
        """The next forward pass of the model is this micro-batch's."""
        self._pending, self._outcome = pending, None

    def take(self) -> Outcome:
        """What it left; the hooks rest until armed again."""
        outcome, self._outcome = self._outcome, None
        assert outcome is not None, "the model's forward pass did not come by the hooks"
        return outcome

    def _keep_hidden(self, module: Any, arguments: Any, output: Any) -> None:
        if self._pending is not None:
            self._hidden = output.last_hidden_state

    def _run_head(self, module: Any, arguments: Any, output: Any) -> None:
        pending, hidden = self._pending, self._hidden
        if pending is None or hidden is None:
            return
        self._pending = self._hidden = None
        picked = hidden[pending.row, pending.column]
        if not pending.joint:
            picked = picked.detach()
            if pending.measure:
                picked.requires_grad_()  # its gradient is measured and goes no further
        terms = self._future.terms(replace(pending.anchors, hidden=picked), pending.noise)
        self._outcome = Outcome(terms)
        if pending.measure:
            self._outcome.shuffled = self._shuffled(pending, picked.detach())
            if hidden.requires_grad and picked.requires_grad:
                self._watch(self._outcome, pending, hidden, picked)

    def _shuffled(self, pending: Pending, picked: torch.Tensor) -> float | None:
        """Total loss when every anchor gets the state of one half the batch away: another sample
        wherever there are several."""
        moved = picked.roll(len(picked) // 2, dims=0)
        with torch.no_grad():
            terms = self._future.terms(replace(pending.anchors, hidden=moved), pending.noise)
        # Only now: a rank that left the head out would let the others wait for its shards.
        if len(torch.unique(pending.anchors.sequences)) < 2:
            return None
        return float(terms.total)

    @staticmethod
    def _watch(
        outcome: Outcome, pending: Pending, hidden: torch.Tensor, picked: torch.Tensor
    ) -> None:
        """Gradients arrive at `picked` first and at `hidden` with both parts in it."""
        kept: list[torch.Tensor] = []

        def at_picked(gradient: torch.Tensor) -> None:
            kept.append(gradient.detach().float())
            outcome.grad_future = float(kept[0].norm())

        def at_hidden(gradient: torch.Tensor) -> None:
            rest = gradient.detach().float()
            if pending.joint and kept:
                places = (pending.row, pending.column)
                rest = rest.index_put(places, -kept[0], accumulate=True)
            outcome.grad_model = float(rest.norm())

        picked.register_hook(at_picked)
        hidden.register_hook(at_hidden)


def logged_values(
    future: FutureLoss, pending: Pending, outcome: Outcome, *, weight: float, scale: float
) -> dict[str, float]:
    """What a measured micro-batch tells about the head. weight: lambda_t; scale: deviation of a
    target coordinate, which decides what a blind head reaches."""
    anchors = pending.anchors
    divisor = max(float(future.step_weight(anchors.weight, anchors.sequences)), 1e-9)
    loss = float(outcome.terms.total.detach()) / divisor
    values = {"loss": loss, "weight": weight}
    if outcome.terms.tau is not None:
        values["loss_over_blind"] = loss / blind_floor(scale)
    if outcome.shuffled is not None:
        values["shuffled_gap"] = outcome.shuffled / divisor - loss
    if outcome.grad_future is not None and outcome.grad_model:
        values["gradient_ratio"] = outcome.grad_future / outcome.grad_model
    return values
