"""The diversity bonus against determinants, and inside a real GRPO step."""

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from sfr_train.dqo import DiversityReward, leave_one_out_bonus

from tests.support.training import tiny_model


@hypothesis_settings(max_examples=60, deadline=None)
@given(st.integers(2, 9), st.integers(1, 12), st.integers(0, 2**31))
def test_bonus_is_the_ratio_of_determinants_within_its_bounds(k: int, d: int, seed: int) -> None:
    rows = np.random.default_rng(seed).normal(size=(k, d))
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    bonus = leave_one_out_bonus(rows)
    gram = rows @ rows.T + np.eye(k)
    for i in range(k):
        rest = np.delete(np.delete(gram, i, 0), i, 1)
        by_hand = math.log(np.linalg.det(gram) / np.linalg.det(rest))
        assert bonus[i] == pytest.approx(by_hand, rel=1e-6)
    assert bonus.min() >= math.log(1 + 1 / k) - 1e-9
    assert bonus.max() <= math.log(2) + 1e-9


def test_copies_get_the_lower_bound_orthogonal_rows_the_upper() -> None:
    copies = np.tile([[0.6, 0.8]], (4, 1))
    assert leave_one_out_bonus(copies) == pytest.approx([math.log(1.25)] * 4)
    assert leave_one_out_bonus(np.eye(4)) == pytest.approx([math.log(2)] * 4)


def test_groups_are_scored_apart_and_empty_replies_get_zero() -> None:
    reward = DiversityReward(2, alpha=2.0)
    same = "The oven is hot."
    rewards = reward(
        [
            same,
            same,
            "The oven is hot.",
            "",
            [{"role": "assistant", "content": same}],
            "Cats sleep.",
        ]
    )
    assert rewards[:2] == pytest.approx([2 * math.log(1.5)] * 2, rel=1e-4)
    assert rewards[2:4] == [0.0, 0.0]
    assert rewards[4] > rewards[0]


def test_an_uneven_batch_is_refused() -> None:
    with pytest.raises(ValueError, match="3 completions cannot be divided into groups of 2"):
        DiversityReward(2)(["a", "b", "c"])


@pytest.mark.slow
def test_grpo_trains_a_step_with_it(tokenizer: Any, tmp_path: Path) -> None:
    import datasets
    from trl import GRPOConfig, GRPOTrainer

    trainer = GRPOTrainer(
        model=tiny_model(tokenizer),
        reward_funcs=[
            lambda completions, **_: [len(c) / 100 for c in completions],
            DiversityReward(4),
        ],
        args=GRPOConfig(
            output_dir=str(tmp_path),
            max_steps=1,
            per_device_train_batch_size=4,
            num_generations=4,
            max_completion_length=8,
            report_to="none",
            logging_steps=1,
            use_cpu=True,
            bf16=False,
            disable_tqdm=True,
            save_strategy="no",
        ),
        train_dataset=datasets.Dataset.from_list([{"prompt": "how do I bake bread?"}] * 4),
        processing_class=tokenizer,
    )
    trainer.train()
    row = trainer.state.log_history[0]
    assert math.log(1.25) - 1e-6 <= row["rewards/dqo_diversity/mean"] <= math.log(2) + 1e-6
