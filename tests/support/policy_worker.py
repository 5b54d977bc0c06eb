"""One rank of tests/train/policy/test_trainer.py: trains the tiny model by GRPO and writes its log.

python policy_worker.py FOLDER BATCH_PER_RANK
"""

import json
import os
import sys
from pathlib import Path
from typing import Any

import torch
from sfr_train.data.world_text import persona_chats
from sfr_train.demo.initial_model import train_tokenizer

from sfr_eval.suites.world.persona import PersonaWorld
from sfr_eval.util.assets import find_suite
from tests.support.policy import OBJECTIVES, policy_trainer_of


def train(folder: Path, *, batch: int) -> dict[str, Any]:
    """Train by each objective; the log and the sum of the weights' sizes of each."""
    world = PersonaWorld.load(find_suite("persona"))
    chats: list[Any] = list(persona_chats(world, rows=12, seed=0))
    tokenizer = train_tokenizer(chats, world, vocabulary=600)
    reports = {}
    for name, objective in OBJECTIVES.items():
        trainer = policy_trainer_of(
            tokenizer,
            chats,
            folder / name,
            objective=objective,
            held_out=2,
            per_device_train_batch_size=batch,
            per_device_eval_batch_size=batch,
            num_generations_eval=2,
            eval_strategy="steps",
            eval_steps=3,
        )
        trainer.train()
        reports[name] = {
            "log": trainer.state.log_history,
            "weight": float(
                sum(p.detach().double().abs().sum() for p in trainer.model.parameters())
            ),
        }
    return reports


def main() -> None:
    folder, batch = Path(sys.argv[1]), int(sys.argv[2])
    reports = train(folder, batch=batch)
    (folder / f"rank{os.environ.get('RANK', '0')}.json").write_text(json.dumps(reports))
    if torch.distributed.is_initialized():
        torch.distributed.destroy_process_group()


if __name__ == "__main__":
    main()
