"""Prepares rows of a file and prints how much memory of its own that took, for test_rows.py.

python measured_preparation.py FOLDER FILE... prints for each file a line of JSON {rows, longest,
peak}, memory in bytes. Larger files come later: what is freed of one is free for the next.

Counted is what the process itself holds (RssAnon): pages of a mapped file belong to the system's
cache, which takes them back when memory is short.
"""

import json
import sys
import threading
from pathlib import Path
from typing import Any

from sfr_train.data.chat_data import DataSettings
from sfr_train.data.rows import load_tables
from sfr_train.data.tokens import Tokenization, tokenized
from sfr_train.data.world_text import persona_chats
from sfr_train.demo.initial_model import train_tokenizer

from sfr_eval.suites.world.persona import PersonaWorld
from sfr_eval.util.assets import find_suite


def own_memory() -> int:
    """Bytes of memory that are not pages of a file."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("RssAnon"):
            return int(line.split()[1]) * 1024
    raise RuntimeError("/proc/self/status has no RssAnon")


class Peak(threading.Thread):
    """The largest memory since it was started."""

    def __init__(self) -> None:
        super().__init__(daemon=True)
        self.bytes = 0
        self.ended = threading.Event()

    def run(self) -> None:
        while not self.ended.wait(0.01):
            self.bytes = max(self.bytes, own_memory())


def main() -> None:
    folder, files = Path(sys.argv[1]), [Path(name) for name in sys.argv[2:]]
    world = PersonaWorld.load(find_suite("persona"))
    tokenizer: Any = train_tokenizer(
        list(persona_chats(world, rows=24, seed=0)), world, vocabulary=600
    )
    how = Tokenization(
        tokenizer=tokenizer, chat_template=None, completion_only=True, assistant_only=False,
        limit=None,
    )  # fmt: skip
    for file in files:
        peak = Peak()
        peak.start()
        tables = load_tables(DataSettings(file=file, validation=0.05), cache=folder / file.stem)
        tokens, cut = tokenized(tables.train, how, what="train")
        peak.ended.set()
        print(json.dumps({"rows": len(tokens), "longest": cut.longest, "peak": peak.bytes}))


if __name__ == "__main__":
    main()
