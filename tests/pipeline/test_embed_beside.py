"""pytest tests/pipeline/test_embed_beside.py"""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import pytest

from sfr_eval.config import RunConfig
from sfr_eval.embeddings.cache import text_key
from sfr_eval.embeddings.encoder import Encoder
from sfr_eval.metrics import relevance
from sfr_eval.metrics.context import Context
from sfr_eval.metrics.table import headlines
from sfr_eval.pipeline import embed_beside as module
from sfr_eval.pipeline import run
from sfr_eval.pipeline.embed_beside import BesideSampling
from sfr_eval.pipeline.embed_worker import Task
from sfr_eval.settings import ScoreSettings
from sfr_eval.store.results import Results
from sfr_eval.suites.suite import load_suite
from sfr_eval.thinking import ThinkTags
from sfr_eval.types import Sample


def task(cache: Path, **changes: Any) -> Task:
    fields: dict[str, Any] = {
        "cache": cache,
        "encoder": None,
        "backend": "auto",
        "long_texts": "truncate",
        "tokenizer": "words-v1",
        "tags": ThinkTags(open="<think>", close="</think>"),
        "windows": {"persona": 3},
        "programs": frozenset(),
        "beginnings": False,
        "whole": False,
        "idle": False,
        "threads": 1,
    }
    return Task(**{**fields, **changes})


def sample(text: str, *, status: str = "ok") -> Sample:
    return Sample(
        sample_id=text,
        suite="persona",
        query="q",
        persona="pirate",
        temperature=1.0,
        index=0,
        seed=0,
        status=status,  # type: ignore[arg-type]
        text=text,
        prompt_tokens=1,
        completion_tokens=1,
    )


def wait_until(true: Callable[[], bool]) -> bool:
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline and not true():
        time.sleep(0.05)
    return true()


def is_alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def test_what_the_metrics_will_read_is_embedded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_REST_SECONDS", 300)
    monkeypatch.setattr(module, "_BATCH", 2)
    beside = BesideSampling(task(tmp_path))
    beside.offer([sample("<think>Hm.</think>Pour the hot tea now."), sample("", status="error")])
    beside.offer([sample("Arr!")])
    beside.offer([sample("Aye.")])  # does not fill a batch
    beside.close()
    encoder = Encoder(None, tmp_path)
    assert all(text_key(text) in encoder._store for text in ("Pour the hot", "Arr!", "Aye."))
    assert len(encoder._store._places) == 3


def test_whole_replies_are_embedded_without_copies_of_their_questions(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_REST_SECONDS", 300)
    monkeypatch.setattr(module, "_BATCH", 2)
    suite = load_suite("persona")
    query, question = next(iter(suite.queries.items()))
    replies = [
        replace(sample(text), query=query)
        for text in (f"You ask: {question} Well, pour it slowly.", "Pour the hot tea now, my lord.")
    ]
    beside = BesideSampling(task(tmp_path, whole=True), suites=[suite])
    beside.offer(replies)
    beside.close()
    done = Encoder(None, tmp_path)._store
    encoder = Encoder(None, tmp_path)
    context = Context(samples=replies, suite=suite, encoder=encoder)
    read: list[str] = []
    encode = encoder.encode

    def encode_and_look(texts: Sequence[str]) -> "npt.NDArray[np.float32]":
        read.extend(texts)
        return encode(texts)

    monkeypatch.setattr(encoder, "encode", encode_and_look)
    columns = {query: 0, "another": 1}
    monkeypatch.setattr(relevance, "candidates", lambda *_: (columns, [question, "Why not?"]))
    relevance.recognised(context)
    assert read[:2] == ["You ask: Well, pour it slowly.", replies[1].text]
    assert all(text_key(text) in done for text in read[:2])


def test_results_are_equal_byte_for_byte(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_REST_SECONDS", 300)
    monkeypatch.setattr(module, "_BATCH", 8)
    ended: list[tuple[int | None, int]] = []
    close = BesideSampling.close

    def close_and_look(self: BesideSampling) -> None:
        close(self)
        assert self._process is not None
        shards = len(list(tmp_path.glob("beside-cache/embeddings/*/*.keys")))
        ended.append((self._process.returncode, shards))

    monkeypatch.setattr(BesideSampling, "close", close_and_look)
    for name, worth in (("beside", 1), ("afterwards", 10_000)):
        monkeypatch.setattr(module, "WORTH", worth)
        monkeypatch.setenv("SFR_EVAL_CACHE", str(tmp_path / f"{name}-cache"))
        run.execute(
            RunConfig(
                model="world:cross=0.3",
                suite=("persona",),
                personas=("pirate", "butler"),
                limit=2,
                samples=4,
                temperatures=(0.7, 1.0),
                score=ScoreSettings(metrics=("semantic",)),
                output=tmp_path / name / "run",
            )
        )
    assert ended == [(0, 1)]
    first, second = (
        (tmp_path / name / "run" / "results.json").read_bytes() for name in ("beside", "afterwards")
    )
    assert first == second


@pytest.mark.slow
def test_bfloat16_moves_no_headline_by_a_tenth_of_its_interval(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SFR_EVAL_CACHE", str(tmp_path / "cache"))
    found: dict[str, dict[str, tuple[float, float]]] = {}
    backends: tuple[Literal["float32", "bfloat16"], ...] = ("float32", "bfloat16")
    for backend in backends:
        folder = tmp_path / backend
        run.execute(
            RunConfig(
                model="world:cross=0.3,within=0.2",
                suite=("persona",),
                personas=("pirate", "butler", "monk"),
                limit=6,
                samples=4,
                temperatures=(1.0,),
                score=ScoreSettings(metrics=("semantic", "relevance"), encoder_backend=backend),
                output=folder,
            )
        )
        found[backend] = {
            row.metric: (row.value, row.high - row.low)
            for row in Results.load(folder).estimates
            if row.metric in headlines()
            and row.value is not None
            and row.low is not None
            and row.high is not None
        }
    assert found["float32"].keys() == found["bfloat16"].keys()
    moved = {
        metric: abs(value - found["bfloat16"][metric][0]) / width
        for metric, (value, width) in found["float32"].items()
        if width > 0
    }
    assert "embed_distance" in moved
    assert max(moved.values()) < 0.1, moved


def test_a_process_that_dies_is_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(module, "_BATCH", 1)
    beside = BesideSampling(task(tmp_path))
    beside.offer([sample("Arr!")])
    assert beside._process is not None
    os.kill(beside._process.pid, signal.SIGKILL)
    beside._process.wait()
    beside.offer([sample(f"number {n}") for n in range(100_000)])  # does not wait for anybody
    beside.close()
    line = "note: the replies are embedded after sampling: the process beside it died (status -9)\n"
    assert capsys.readouterr().err == line


def test_sampling_does_not_wait_for_a_slow_process(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_REST_SECONDS", 0.1)
    monkeypatch.setattr(module, "_BATCH", 1)
    beside = BesideSampling(task(tmp_path))
    beside.offer([sample("Arr!")])
    assert beside._process is not None
    os.kill(beside._process.pid, signal.SIGSTOP)
    started = time.process_time(), time.monotonic()
    beside.offer([sample("long text " * 100) for _ in range(100_000)])
    assert beside._batches.qsize() <= module._WAITING
    monkeypatch.setattr(module, "_STOP_SECONDS", 0.1)
    beside.close()
    assert time.process_time() - started[0] < 20
    assert time.monotonic() - started[1] < 60
    assert not is_alive(beside._process.pid)


PARENT = """
import sys, time
from pathlib import Path
from sfr_eval.pipeline.embed_beside import BesideSampling
from tests.pipeline.test_embed_beside import sample, task
beside = BesideSampling(task(Path(sys.argv[1])))
beside.offer([sample(f"Arr, {n}!") for n in range(200)])
print(beside._process.pid, flush=True)
time.sleep(1000)
"""


def test_no_process_outlives_a_run_that_is_killed(tmp_path: Path) -> None:
    root = Path(__file__).parents[2]
    parent = subprocess.Popen(
        [sys.executable, "-c", PARENT, str(tmp_path)],
        stdout=subprocess.PIPE,
        cwd=root,
        text=True,
    )
    assert parent.stdout is not None
    worker = int(parent.stdout.readline())
    assert is_alive(worker)
    parent.kill()
    parent.communicate()
    assert wait_until(lambda: not is_alive(worker))
