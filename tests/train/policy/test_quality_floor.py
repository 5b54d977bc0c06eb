"""The weight of the bonus follows the quality of the replies, and a checkpoint keeps its state."""

import json
import math
from pathlib import Path
from typing import Any

import pytest
from sfr_train.policy.quality_floor import QualityFloor
from transformers import TrainerState

from tests.support.policy import OBJECTIVES, policy_trainer_of


def test_quality_at_its_start_leaves_alpha_as_it_is() -> None:
    floor = QualityFloor(4.0, 0.0)
    assert [floor.weight(0.6) for _ in range(8)] == pytest.approx([4.0] * 8)


def test_a_loss_of_quality_takes_the_bonus_back() -> None:
    """By hand: start .6; the running mean after one batch of .4 is .54, so exp(8 * -.06)."""
    floor = QualityFloor(4.0, 0.0)
    for _ in range(4):
        floor.weight(0.6)
    assert floor.weight(0.4) == pytest.approx(4.0 * math.exp(-0.48))
    later = [floor.weight(0.4) for _ in range(20)]
    assert later == sorted(later, reverse=True)
    assert later[-1] == pytest.approx(4.0 * math.exp(-1.6), rel=1e-2)


def test_the_start_is_the_mean_of_the_first_four_and_a_margin() -> None:
    floor = QualityFloor(1.0, 0.1)
    for quality in (0.2, 0.4, 0.6, 0.8):
        floor.weight(quality)
    mean = 0.7 * (0.7 * (0.7 * 0.2 + 0.3 * 0.4) + 0.3 * 0.6) + 0.3 * 0.8
    assert floor.mean == pytest.approx(mean)
    assert floor.weight(0.9) == pytest.approx(math.exp(8 * (0.7 * mean + 0.27 - 0.5 - 0.1)))


def test_a_resumed_training_goes_on_with_the_same_weights(tmp_path: Path) -> None:
    values = [0.5, 0.6, 0.4, 0.7, 0.2, 0.3, 0.8]
    whole, first = QualityFloor(2.0, 0.05), QualityFloor(2.0, 0.05)
    expected = [whole.weight(value) for value in values]
    for value in values[:3]:
        first.weight(value)
    file = tmp_path / "trainer_state.json"
    state = TrainerState(stateful_callbacks=[first], global_step=3)
    file.write_text("{}")
    state.save_to_json(str(file))
    assert "QualityFloor" in json.loads(file.read_text())["stateful_callbacks"]
    second = QualityFloor(2.0, 0.05)
    second.on_train_begin(None, TrainerState.load_from_json(str(file)), None)
    assert [second.weight(value) for value in values[3:]] == expected[3:]


def test_a_fresh_training_does_not_begin_with_anothers_state() -> None:
    used = QualityFloor(2.0, 0.0)
    used.weight(0.5)
    fresh = QualityFloor(2.0, 0.0)
    fresh.on_train_begin(None, TrainerState(stateful_callbacks=[used]), None)
    assert fresh.first == []


def test_the_trainer_logs_the_weight_and_evaluation_leaves_it(
    tokenizer: Any, chats: list[Any], tmp_path: Path
) -> None:
    """No reply of the tiny model is valid: quality stays 0, a margin of .1 below its start."""
    objective = {**OBJECTIVES["dqo"], "alpha": 3.0, "keep_quality": -0.1}
    trainer = policy_trainer_of(tokenizer, chats, tmp_path, objective=objective, held_out=2)
    trainer.train()
    weights = [row["dqo/alpha"] for row in trainer.state.log_history if "dqo/alpha" in row]
    assert weights == pytest.approx([3.0 * math.exp(0.8)] * 3)
    assert float(trainer.reward_weights[1]) == pytest.approx(weights[-1])
    trainer.evaluate()
    assert len(trainer.floor.first) == 3
    plain = policy_trainer_of(tokenizer, chats, tmp_path, objective=OBJECTIVES["dqo"])
    assert plain.floor is None
