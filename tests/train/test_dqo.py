"""The names under which scripts import DQO's reward, inside a GRPO step of TRL itself."""

import math
from pathlib import Path
from typing import Any

from sfr_train import dqo
from sfr_train.policy.diversity import DiversityReward
from sfr_train.policy.log_det import leave_one_out_bonus

from tests.support.training import tiny_model


def test_the_public_names_are_those_of_the_package() -> None:
    assert dqo.DiversityReward is DiversityReward
    assert dqo.leave_one_out_bonus is leave_one_out_bonus


def test_trls_own_trainer_takes_the_reward(tokenizer: Any, tmp_path: Path) -> None:
    import datasets
    from trl import GRPOConfig, GRPOTrainer

    trainer = GRPOTrainer(
        model=tiny_model(tokenizer),
        reward_funcs=[
            lambda completions, **_: [len(c) / 100 for c in completions],
            dqo.DiversityReward(),
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
    assert row["dqo/log_det"] >= math.log(5) - 1e-6
