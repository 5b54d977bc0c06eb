"""Phases and weights of the future loss."""

import itertools

import pytest
from sfr_train.flow.schedule import ScheduleSettings, phase_at


def weights(total: int, **values: object) -> list[float]:
    settings = ScheduleSettings.model_validate(values)
    return [phase_at(step, total=total, settings=settings).weight for step in range(total)]


def test_head_phase_ramp_and_full_weight_follow_each_other() -> None:
    settings = ScheduleSettings(weight=2.0, head_steps=10, ramp_steps=20)
    at = {step: phase_at(step, total=100, settings=settings) for step in (0, 9, 10, 20, 30, 99)}
    assert [at[0].weight, at[9].weight, at[10].weight] == [2.0, 2.0, 0.0]
    assert [at[20].weight, at[30].weight, at[99].weight] == [1.0, 2.0, 2.0]
    assert [at[s].joint for s in (9, 10)] == [False, True]
    assert [at[s].cross_entropy for s in (9, 10)] == [False, True]


def test_the_head_phase_can_keep_cross_entropy() -> None:
    settings = ScheduleSettings(head_steps=3, cross_entropy_in_head_steps=True)
    assert phase_at(0, total=9, settings=settings).cross_entropy
    assert not phase_at(0, total=9, settings=settings).joint


@pytest.mark.parametrize("decay", ["linear", "cosine"])
def test_decays_fall_from_full_weight_towards_zero(decay: str) -> None:
    values = weights(1000, weight=3.0, ramp_steps=100, decay=decay)[100:]
    assert values[0] == 3.0
    assert values[450] == pytest.approx(1.5, rel=1e-9)  # both are at half in the middle
    assert values[-1] < 0.01
    assert all(a >= b for a, b in itertools.pairwise(values))


def test_lengths_below_one_are_shares() -> None:
    values = weights(200, ramp_steps=0.05)
    assert values[:11] == pytest.approx([i / 10 for i in range(11)])
    assert weights(200, ramp_steps=1)[:2] == [0.0, 1.0]


def test_without_phases_the_weight_is_constant() -> None:
    assert set(weights(7)) == {1.0}
