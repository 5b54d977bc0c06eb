"""lambda from a ratio of gradients: on numbers by hand, and in real trainings."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from sfr_train.flow.schedule import Phase, ScheduleSettings
from sfr_train.loop.gradient_ratio import GradientRatio
from sfr_train.loop.head_run import Outcome

from tests.support.training import EASY, WordEncoder, same, settings, sfr_trainer, weights

ONE_RANK = SimpleNamespace(device="cpu", reduce=lambda values, reduction: values)
JOINT = Phase(1.0, joint=True, cross_entropy=True)


def step(ratio: GradientRatio, *, model: float, future: float, phase: Phase = JOINT) -> float:
    """One step whose future gradient is `future` at lambda 1; returns the lambda used."""
    weight = ratio.adjust(phase).weight
    outcome: Any = Outcome(terms=None)  # type: ignore[arg-type]
    outcome.grad_model, outcome.grad_future = torch.tensor(model), torch.tensor(weight * future)
    ratio.add(outcome, weight=weight)
    ratio.close_step(ONE_RANK, joint=phase.joint)
    return weight


def test_lambda_reaches_ratio_times_the_quotient() -> None:
    ratio = GradientRatio(ScheduleSettings(gradient_ratio=0.3))
    weights = [step(ratio, model=2.0, future=0.5) for _ in range(6)]
    # From a thousandth, tenfold a step, to 0.3 * 2 / 0.5.
    assert weights == pytest.approx([0.001, 0.01, 0.1, 1.0, 1.2, 1.2])


def test_a_gradient_that_grows_counts_at_once() -> None:
    ratio = GradientRatio(ScheduleSettings(gradient_ratio=1.0))
    for _ in range(30):
        step(ratio, model=1.0, future=1.0)
    step(ratio, model=1.0, future=4.0)
    assert step(ratio, model=1.0, future=4.0) == pytest.approx(0.25)


def test_a_loss_without_gradient_leaves_lambda_where_it_is() -> None:
    ratio = GradientRatio(ScheduleSettings(gradient_ratio=1.0))
    assert [step(ratio, model=1.0, future=0.0) for _ in range(3)] == [0.001] * 3


def test_ramp_and_decay_multiply_lambda() -> None:
    ratio = GradientRatio(ScheduleSettings(weight=2.0, gradient_ratio=1.0))
    half = Phase(1.0, joint=True, cross_entropy=True)  # of weight 2
    for _ in range(9):
        weight = step(ratio, model=1.0, future=1.0, phase=half)
    assert weight == pytest.approx(0.5)


def test_head_steps_keep_their_own_weight() -> None:
    ratio = GradientRatio(ScheduleSettings(gradient_ratio=1.0))
    alone = Phase(1.0, joint=False, cross_entropy=False)
    assert step(ratio, model=1.0, future=1.0, phase=alone) == 1.0
    assert ratio.adjust(JOINT).weight == 0.001


def test_without_the_setting_nothing_changes() -> None:
    ratio = GradientRatio(ScheduleSettings(weight=3.0))
    assert step(ratio, model=1.0, future=1.0, phase=Phase(3.0, True, True)) == 3.0


@pytest.mark.parametrize("objective", ["future_mse", "mtp", "hidden_noise", "kl_to_base", "sfr"])
def test_the_logged_ratio_is_the_one_asked_for(
    objective: str, tokenizer: Any, chats: list[Any], tmp_path: Path
) -> None:
    trainer = sfr_trainer(
        tokenizer,
        chats[:16],
        tmp_path,
        arguments=settings(tmp_path / "out", max_steps=40, per_device_train_batch_size=8),
        objective={"name": objective},
        schedule={"gradient_ratio": 0.3},
        targets=EASY,
        encoder=WordEncoder(),
    )
    trainer.train()
    rows = [row for row in trainer.state.log_history if "future/gradient_ratio" in row]
    late = [row["future/gradient_ratio"] for row in rows[-15:]]
    assert sum(late) / len(late) == pytest.approx(0.3, rel=0.25)
    assert max(row["future/gradient_ratio"] for row in rows) < 1.5


@pytest.mark.parametrize("objective", ["hidden_noise", {"name": "sfr", "width": 32}])
def test_a_resumed_run_continues_with_the_same_lambda(
    objective: Any, tokenizer: Any, chats: list[Any], tmp_path: Path
) -> None:
    def make(folder: str) -> Any:
        return sfr_trainer(
            tokenizer,
            chats,
            tmp_path,
            arguments=settings(tmp_path / folder, max_steps=8, save_strategy="steps", save_steps=5),
            objective=objective,
            schedule={"gradient_ratio": 0.5},
            encoder=WordEncoder(),
        )

    whole, resumed = make("whole"), make("resumed")
    whole.train()
    resumed.train(resume_from_checkpoint=str(tmp_path / "whole" / "checkpoint-5"))
    assert same(weights(resumed.model), weights(whole.model))
    assert resumed._ratio.state() == whole._ratio.state()
