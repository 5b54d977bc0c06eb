"""One rank of test_distributed_rivals.py: lambda by gradient ratio, an average, a suite run.

python rivals_worker.py FOLDER BATCH_PER_RANK
"""

import json
import os
import sys
from pathlib import Path
from typing import Any

import torch
from sfr_train.data.world_text import persona_chats
from sfr_train.demo.initial_model import train_tokenizer
from sfr_train.loop.suite_callback import SuiteCallback

from sfr_eval.store.run_folder import RunFolder
from sfr_eval.suites.world.persona import PersonaWorld
from sfr_eval.util.assets import find_suite
from tests.support.distributed_worker import shard_on_cpu
from tests.support.training import settings, sfr_trainer


def main() -> None:
    folder, batch = Path(sys.argv[1]), int(sys.argv[2])
    rank = int(os.environ.get("RANK", "0"))
    world = PersonaWorld.load(find_suite("persona"))
    chats: list[Any] = list(persona_chats(world, rows=24, seed=0))
    tokenizer = train_tokenizer(chats, world, vocabulary=600)
    arguments = settings(folder / "out", max_steps=8, per_device_train_batch_size=batch)
    if "ACCELERATE_USE_FSDP" in os.environ:
        shard_on_cpu(zero3=False)
    callback = SuiteCallback(limit=1, samples=3, max_tokens=6, metrics=["text", "lexical"], every=4)
    trainer = sfr_trainer(
        tokenizer,
        chats,
        folder,
        arguments=arguments,
        objective="hidden_noise",
        schedule={"gradient_ratio": 0.5},
        average={"kind": "tail", "share": 0.5},
        callbacks=[callback],
    )
    trainer.train()
    trainer.save_model(str(folder / "final"))
    report = {
        name: [row[name] for row in trainer.state.log_history if name in row]
        for name in ("loss", "future/weight", "suite/duplicate_rate")
    }
    if rank == 0:
        run = RunFolder(folder / "out" / "evaluations" / "step-4")
        report["texts"] = [sample.text for sample in run.sealed_samples()]
    (folder / f"rank{rank}.json").write_text(json.dumps(report))
    if torch.distributed.is_initialized():
        torch.distributed.destroy_process_group()


if __name__ == "__main__":
    main()
