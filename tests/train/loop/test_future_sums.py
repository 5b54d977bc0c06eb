"""Logged ratios are those of sums: neither micro-batches nor ranks change them."""

from typing import Any

import pytest
import torch
from sfr_train.flow.noise import HashNoise
from sfr_train.loop.future_sums import FutureSums
from sfr_train.loop.head_run import AnchorBatch, Outcome
from sfr_train.objectives.base import Anchors, FutureTerms, Sizes
from sfr_train.objectives.future_mse import Settings, build


class Ranks:
    """Adds the sums of another rank."""

    device = torch.device("cpu")

    def __init__(self, other: torch.Tensor | float = 0.0) -> None:
        self._other = other

    def reduce(self, sums: torch.Tensor, reduction: str) -> torch.Tensor:
        assert reduction == "sum"
        return sums + self._other


def added(sums: FutureSums, total: float, weight: float, blind: Any, shuffled: Any) -> None:
    future: Any = build(Settings(width=4, time_size=4), Sizes(2, 9, target=4)).future
    one = torch.zeros(1, dtype=torch.long)
    anchors = Anchors(torch.zeros(1, 2), torch.tensor([weight]), one)
    batch = AnchorBatch(one, one, anchors, HashNoise(0, 0, one, one), joint=True, measure=True)
    terms = FutureTerms(torch.tensor(total), torch.tensor([total]))
    values = [None if value is None else torch.tensor(value) for value in (blind, shuffled)]
    sums.add(future, batch, Outcome(terms, blind=values[0], shuffled=values[1]))


def test_two_micro_batches_by_hand() -> None:
    sums = FutureSums()
    added(sums, 6.0, 2.0, 8.0, None)  # a micro-batch without another sample
    added(sums, 3.0, 4.0, 2.0, 5.0)
    values = sums.take(Ranks())
    assert values == pytest.approx({"loss": 1.5, "loss_over_blind": 0.9, "shuffled_gap": 0.5})
    assert sums.take(Ranks()) == {}


def test_what_has_no_value_is_left_out() -> None:
    sums = FutureSums()
    added(sums, 6.0, 2.0, None, None)
    assert sums.take(Ranks()) == {"loss": 3.0}
    added(sums, 0.0, 0.0, None, 0.0)  # no anchor
    assert sums.take(Ranks()) == {}


def test_the_other_ranks_count() -> None:
    sums = FutureSums()
    added(sums, 6.0, 2.0, 8.0, None)
    other = torch.tensor([3.0, 4.0, 2.0, 5.0, 3.0, 4.0])
    values = sums.take(Ranks(other))
    assert values == pytest.approx({"loss": 1.5, "loss_over_blind": 0.9, "shuffled_gap": 0.5})
