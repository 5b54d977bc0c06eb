"""One rank of test_distributed.py: trains the tiny model and writes what it logged.

python distributed_worker.py FOLDER BATCH_PER_RANK [common]

common: only settings under which DeepSpeed does the same as the others. It clips model and head
together, cannot average the head, and lets the model's Adam count steps of the head alone.
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
from tests.support.training import WordEncoder, settings, sfr_trainer


def shard_on_cpu(zero3: bool) -> None:
    """Make accelerate treat these CPU processes as accelerators: it offers FSDP and DeepSpeed only
    to those, although both can shard over gloo. Nothing else is changed."""
    from accelerate import PartialState
    from accelerate.utils import DistributedType

    kind = DistributedType.DEEPSPEED if zero3 else DistributedType.MULTI_GPU
    PartialState._shared_state["distributed_type"] = kind


def main() -> None:
    folder, batch, common = Path(sys.argv[1]), int(sys.argv[2]), "common" in sys.argv[3:]
    rank = int(os.environ.get("RANK", "0"))
    world = PersonaWorld.load(find_suite("persona"))
    chats: list[Any] = list(persona_chats(world, rows=24, seed=0))
    tokenizer = train_tokenizer(chats, world, vocabulary=600)
    for chat in chats[::2]:  # every second reply is too short for a target
        chat["completion"] = [{"role": "assistant", "content": "Yes."}]
    arguments = settings(
        folder / "out",
        max_steps=20,
        per_device_train_batch_size=batch,
        save_strategy="steps",
        save_steps=20,
        max_grad_norm=0.0 if common else 1.0,
    )
    fsdp2, zero3 = (f"ACCELERATE_USE_{name}" in os.environ for name in ("FSDP", "DEEPSPEED"))
    if fsdp2 or zero3:
        shard_on_cpu(zero3)
    schedule = {"head_steps": 4, "ramp_steps": 4, "gate": "dynamic"}
    trainer = sfr_trainer(
        tokenizer,
        chats,
        folder,
        arguments=arguments,
        targets={"k": 12, "stride": 3, "minimum": 8, "scale": "standardise"},
        schedule={
            **schedule,
            **({"cross_entropy_in_head_steps": True} if common else {"ema": 0.9}),
        },
        encoder=WordEncoder(),
    )
    anchors: list[int] = []
    arm = trainer._run.arm

    def counted(pending: Any) -> None:
        anchors.append(int((pending.anchors.weight > 0).sum()))
        arm(pending)

    trainer._run.arm = counted
    trainer.train()
    if fsdp2 or zero3:
        from torch.distributed.tensor import DTensor

        for parameter in trainer.model.parameters():
            sharded = hasattr(parameter, "ds_id") if zero3 else isinstance(parameter, DTensor)
            assert sharded, "not sharded; this would only be DDP again"
    trainer.save_model(str(folder / "final"))
    losses = [row["loss"] for row in trainer.state.log_history if "loss" in row]
    (folder / f"rank{rank}.json").write_text(json.dumps({"losses": losses, "anchors": anchors}))
    if torch.distributed.is_initialized():
        torch.distributed.destroy_process_group()


if __name__ == "__main__":
    main()
