"""Embeds replies while others are still drawn, in a process of low priority.

The process (embed_worker.py) only fills the cache of embeddings. An embedding depends on its text
alone, so results are equal byte for byte with and without it, and whatever it has not done by the
end is embedded afterwards. Sampling never waits for it: replies beyond what it can take are dropped
here.
"""

import json
import os
import queue
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress

from sfr_eval.metrics.normal_text import normal_text
from sfr_eval.pipeline.draw import OnSamples
from sfr_eval.pipeline.embed_worker import Task
from sfr_eval.pipeline.measurable import needs_encoder
from sfr_eval.pipeline.preflight import Preflight, families
from sfr_eval.suites.suite import Suite
from sfr_eval.types import Sample
from sfr_eval.util.assets import cache_folder
from sfr_eval.util.progress import log, waiting

WORTH = 2_000
"""Requests of a run from which it pays to load the encoder a second time."""
_WAITING = 256  # batches of _BATCH replies
_BATCH = 128
_REST_SECONDS = 5.0  # for what the process has at hand when sampling ends
_STOP_SECONDS = 10.0  # for the texts that it is embedding


class BesideSampling:
    """The process of one run or sweep, started by the first replies."""

    def __init__(self, task: Task, *, suites: Sequence[Suite] = ()) -> None:
        self._task = task
        self._questions = {
            (suite.id, query): normal_text(text).strip()
            for suite in suites
            for query, text in suite.queries.items()
            if task.whole
        }
        self._rows: list[str] = []
        self._batches: queue.Queue[bytes | None] = queue.Queue(_WAITING)
        self._process: subprocess.Popen[bytes] | None = None
        self._thread = threading.Thread(target=self._send, daemon=True)
        self._errors = tempfile.TemporaryFile()  # noqa: SIM115 (lives with the process)

    def offer(self, samples: Sequence[Sample]) -> None:
        """Hand over replies. Returns at once."""
        for sample in samples:
            if sample.has_text:
                question = self._questions.get((sample.suite, sample.query), "")
                self._rows.append(f"{json.dumps((sample.suite, sample.text, question))}\n")
            if len(self._rows) >= _BATCH:
                self._pass_on()

    def _pass_on(self) -> None:
        if self._process is None:
            self._start()
        with suppress(queue.Full):
            self._batches.put_nowait("".join(self._rows).encode())
        self._rows = []

    def _start(self) -> None:
        self._process = subprocess.Popen(
            [
                *(sys.executable, "-P", "-m", "sfr_eval.pipeline.embed_worker"),
                self._task.model_dump_json(),
            ],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=self._errors,
            env={
                **os.environ,
                "OMP_NUM_THREADS": str(self._task.threads),
                "PYTHONPATH": os.pathsep.join(filter(None, sys.path)),
            },
            start_new_session=True,  # Ctrl-C is for this process, which ends the other
        )
        self._thread.start()

    def _send(self) -> None:
        assert self._process is not None
        assert self._process.stdin is not None
        with suppress(OSError), self._process.stdin as stream:  # an error: it has ended
            while (batch := self._batches.get()) is not None:
                stream.write(batch)
                stream.flush()

    def close(self) -> None:
        """Let it save what it has, and end it. One that died before is a line in the log."""
        if self._process is not None:
            self._pass_on()
            if self._process.poll():
                log(f"note: the replies are embedded after sampling: {self._last_error}")
            try:
                self._end(self._process)
            finally:
                self._process.kill()
                self._process.wait()
        self._errors.close()

    def _end(self, process: "subprocess.Popen[bytes]") -> None:
        with (
            waiting("embedding the last replies"),
            suppress(queue.Full, subprocess.TimeoutExpired),
        ):
            self._batches.put_nowait(None)
            process.wait(_REST_SECONDS)
        process.terminate()
        with suppress(subprocess.TimeoutExpired):
            process.wait(_STOP_SECONDS)

    @property
    def _last_error(self) -> str:
        assert self._process is not None
        self._errors.seek(0)
        said = self._errors.read().decode(errors="replace").strip()
        reason = said.splitlines()[-1] if said else f"status {self._process.returncode}"
        return f"the process beside it died ({reason})"


@contextmanager
def embedding_beside(ready: Preflight, *, requests: int) -> Iterator[OnSamples | None]:
    """Yield what embeds the replies of a run of so many requests; None where that does not pay: for
    a few, for a part of a run, and where no metric reads embeddings."""
    settings = ready.config.score
    if (
        requests < WORTH
        or ready.config.shard is not None
        or not needs_encoder(settings, ready.suites)
    ):
        yield None
        return
    elsewhere = ready.subject.engine == "openai"
    named = families(settings, ready.suites)
    task = Task(
        cache=cache_folder(),
        encoder=settings.encoder,
        backend=settings.encoder_backend,
        long_texts=settings.encoder_long_texts,
        tokenizer=settings.tokenizer,
        tags=ready.thinking,
        windows={suite.id: suite.spec.window(settings.token_window) for suite in ready.suites},
        programs=frozenset(suite.id for suite in ready.suites if suite.code is not None),
        beginnings="windows" in named,
        whole="relevance" in named,
        idle=not elsewhere,
        threads=max(1, len(os.sched_getaffinity(0)) - 1) if elsewhere else 1,
    )
    beside = BesideSampling(task, suites=ready.suites)
    try:
        yield beside.offer
    finally:
        beside.close()
