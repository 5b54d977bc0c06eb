"""One rank of test_turns.py: prepares rows slowly under a short limit of collective operations.

python slow_preparation.py FOLDER SECONDS_PER_ROW LIMIT
"""

import sys
import time
from pathlib import Path
from typing import Any

import sfr_train.data.tokens as tokens
import sfr_train.data.turns as turns
import torch
from sfr_train.data.chat_data import DataSettings
from sfr_train.data.rows import load_tables
from sfr_train.data.world_text import persona_chats
from sfr_train.demo.initial_model import train_tokenizer

from sfr_eval.suites.world.persona import PersonaWorld
from sfr_eval.util.assets import find_suite
from tests.support.training import settings, tiny_model


def main() -> None:
    folder, seconds, limit = Path(sys.argv[1]), float(sys.argv[2]), int(sys.argv[3])
    world = PersonaWorld.load(find_suite("persona"))
    tokenizer = train_tokenizer(list(persona_chats(world, rows=24, seed=0)), world, vocabulary=600)
    arguments = settings(
        folder / "out", max_steps=2, per_device_train_batch_size=2, ddp_timeout=limit
    )
    row_tokens = tokens.row_tokens

    def slow(*values: Any, **others: Any) -> Any:
        time.sleep(seconds)
        (folder / "rows").open("a").write("row\n")
        return row_tokens(*values, **others)

    def none_together(*_: Any) -> list[Any]:
        return []

    tokens._together, tokens.row_tokens = none_together, slow
    turns.HEARTBEAT = 1.0
    tables = load_tables(DataSettings.model_validate({"world": {"rows": 24}}), cache=folder)

    from sfr_train.trainer import SFRTrainer

    SFRTrainer(
        model=tiny_model(tokenizer),
        args=arguments,
        train_dataset=tables.train,
        processing_class=tokenizer,
        objective="ce",
        cache=folder,
    )
    torch.distributed.barrier()  # the limit is no longer reached


if __name__ == "__main__":
    main()
