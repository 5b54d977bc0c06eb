"""The gate compares a flow with its blind reference, and other losses by their own divisor."""

from typing import Any

import pytest
import torch
from sfr_train.flow.schedule import ScheduleSettings
from sfr_train.loop.gradient_gate import GradientGate
from sfr_train.objectives.base import Anchors, FutureTerms, Sizes
from sfr_train.objectives.cka import Alignment
from sfr_train.objectives.sfr import Settings, build


class OneRank:
    device = torch.device("cpu")

    def reduce(self, sums: torch.Tensor, reduction: str) -> torch.Tensor:
        return sums


def closed(terms: FutureTerms, anchors: Anchors, future: Any, *, level: float) -> bool:
    gate = GradientGate(ScheduleSettings(gate="static", gate_level=level))
    gate.add(terms, anchors, future)
    gate.close_step(OneRank())
    return gate.closed


def test_a_loss_by_micro_batch_is_not_divided_by_anchors() -> None:
    """CKA: a loss of .9 over 40 anchors is .9 and not .0225."""
    anchors = Anchors(torch.zeros(40, 2), torch.ones(40), torch.arange(40) // 5)
    terms = FutureTerms(torch.tensor(0.9), torch.tensor([0.9]))
    assert not closed(terms, anchors, Alignment(), level=0.85)
    assert closed(terms, anchors, Alignment(), level=0.95)


@pytest.mark.parametrize("tau_weight", ["none", "min_snr"])
def test_a_flow_at_its_blind_reference_counts_as_one(tau_weight: str) -> None:
    future: Any = build(
        Settings(width=8, time_size=8, tau_weight=tau_weight), Sizes(2, 9, target=4, scale=0.5)
    ).future
    tau = torch.tensor([0.1, 0.5, 0.95])
    loss = future.expected_blind_loss(tau)
    anchors = Anchors(torch.zeros(3, 2), torch.tensor([1.0, 0.5, 0.2]), torch.arange(3))
    terms = FutureTerms((loss * anchors.weight).sum(), loss, tau)
    assert closed(terms, anchors, future, level=1.001)
    assert not closed(terms, anchors, future, level=0.999)
