"""The process that embeds replies beside sampling: reads them on stdin, fills the cache, ends.

    python -m sfr_eval.pipeline.embed_worker TASK    each line of stdin: [suite, reply, question]

It ends when stdin does and all is embedded; on SIGTERM, or when its parent is gone, after the texts
that it is embedding.
"""

import json
import os
import queue
import signal
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict

from sfr_eval.embeddings.encoder import Encoder
from sfr_eval.errors import UserError
from sfr_eval.metrics.normal_text import normal_text
from sfr_eval.metrics.relevance import own_words
from sfr_eval.metrics.tokenizers import Tokenizer, load_tokenizer
from sfr_eval.metrics.windows import WINDOWS
from sfr_eval.thinking import ThinkTags, answer_text

_AT_ONCE = 512  # texts: seconds of work, and a shard of the cache
_SORTED = 8 * _AT_ONCE  # texts that are put in the order of their lengths
_PATIENCE = 5.0  # seconds that the first of these waits for others


class Task(BaseModel):
    """What the process has to know."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    cache: Path
    encoder: str | None
    backend: Literal["auto", "float32", "bfloat16", "onnx"]
    long_texts: Literal["truncate", "chunk"]
    tokenizer: str
    tags: ThinkTags | None
    windows: dict[str, int | None]  # suite -> tokens that are read
    programs: frozenset[str]  # suites whose replies are code
    beginnings: bool  # whether the first tokens are embedded, too
    whole: bool  # whether whole replies are, too, without copies of their questions
    idle: bool  # whether the engine needs the same cores
    threads: int


class _Texts:
    """The texts that arrive. `ended`: no more will."""

    def __init__(self) -> None:
        self.ended = threading.Event()
        self._queue: queue.Queue[tuple[str, str, str]] = queue.Queue(_SORTED)
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self) -> None:
        for line in sys.stdin.buffer:
            suite, text, question = json.loads(line)
            self._queue.put((suite, text, question))
        self.ended.set()

    def take(self) -> list[tuple[str, str, str]]:
        """Return what is there: _SORTED replies, or fewer if no more come soon."""
        replies: list[tuple[str, str, str]] = []
        deadline = time.monotonic() + _PATIENCE
        while len(replies) < _SORTED and not _stopped():
            try:
                replies.append(self._queue.get(timeout=0.2))
            except queue.Empty:
                if self.ended.is_set() or (replies and time.monotonic() > deadline):
                    break
        return replies


class _Stop:
    """Whether it was asked to end, or is alone."""

    def __init__(self) -> None:
        self.asked = False
        self._parent = os.getppid()

    def __call__(self) -> bool:
        return self.asked or os.getppid() != self._parent

    def ask(self, *_: object) -> None:
        self.asked = True


_stopped = _Stop()


def work(task: Task) -> None:
    """Embed what arrives. Where an embedding would depend on the texts beside it, embed nothing."""
    import torch

    if torch.cuda.is_available():  # it embeds faster when the engine has left it
        return
    encoder = Encoder(task.encoder, task.cache, backend=task.backend, long_texts=task.long_texts)
    if not encoder.is_fixed:
        return
    tokenizer = load_tokenizer(task.tokenizer)
    readers = {
        suite: replace(tokenizer, window=window, plain=suite not in task.programs)
        for suite, window in task.windows.items()
    }
    signal.signal(signal.SIGTERM, _stopped.ask)
    arriving = _Texts()
    while (replies := arriving.take()) or not (arriving.ended.is_set() or _stopped()):
        if arriving.ended.is_set():  # the engine has left its cores
            torch.set_num_threads(len(os.sched_getaffinity(0)))
        texts = sorted(
            {text for reply in replies for text in _read(task, readers, *reply)}, key=len
        )
        for start in range(0, len(texts), _AT_ONCE):
            if _stopped():
                return
            encoder.encode(texts[start : start + _AT_ONCE])


def _read(
    task: Task, readers: dict[str, Tokenizer], suite: str, text: str, question: str
) -> Iterator[str]:
    """Yield what the metrics embed of a reply."""
    answer = text if task.tags is None else answer_text(text, task.tags).text
    part = readers[suite].cut(answer)
    yield part
    if task.beginnings:
        for tokens in WINDOWS:
            yield replace(readers[suite], window=tokens).cut(part)
    if task.whole:
        yield own_words(normal_text(answer), question)


def main() -> None:
    """Run the task of the command line."""
    task = Task.model_validate_json(sys.argv[1])
    os.nice(10)
    if task.idle:
        os.sched_setscheduler(0, os.SCHED_IDLE, os.sched_param(0))
    try:
        work(task)
    except UserError:
        return  # the run says it


if __name__ == "__main__":
    main()
