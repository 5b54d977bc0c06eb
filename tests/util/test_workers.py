"""pytest tests/util/test_workers.py: who measures changes no bit."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from sfr_eval.config import RunConfig
from sfr_eval.errors import RunError
from sfr_eval.metrics.lexical import lexical_values
from sfr_eval.metrics.lexical_stream import ReplyRow, lexical_stream
from sfr_eval.metrics.semantic_sets import set_values
from sfr_eval.metrics.tokenizers import load_tokenizer
from sfr_eval.pipeline.run import execute
from sfr_eval.pipeline.score import score
from sfr_eval.store.run_folder import RunFolder
from sfr_eval.util.workers import Here, Workers, open_workers

FAMILIES = ("text", "lexical", "semantic", "gated")
ROOT = Path(__file__).parents[2]


def is_alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def square(number: int) -> int:
    return number * number


def slow_first(number: int) -> tuple[int, int]:
    if number == 0:
        sum(range(3_000_000))
    return number, os.getpid()


def fail(number: int) -> int:
    raise ValueError(f"part {number}")


def die(number: int) -> int:
    os.kill(os.getpid(), signal.SIGKILL)
    return number


@pytest.fixture(scope="module")
def two() -> Iterator[Workers]:
    with open_workers(2) as workers:
        yield workers


PARENT = """
import os, time
from sfr_eval.util.workers import open_workers
from tests.util.test_workers import slow_first
if __name__ == "__main__":
    with open_workers(2) as workers:
        print(*{pid for _, pid in workers.map(slow_first, range(20))}, flush=True)
        time.sleep(1000)
"""


def test_no_worker_outlives_its_parent(tmp_path: Path) -> None:
    script = tmp_path / "parent.py"
    script.write_text(PARENT)
    parent = subprocess.Popen(
        [sys.executable, script],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT), *sys.path])},
    )
    assert parent.stdout is not None
    pids = parent.stdout.readline().split()
    assert pids
    parent.kill()
    parent.communicate()
    deadline = time.monotonic() + 60
    while any(is_alive(int(pid)) for pid in pids):
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_results_come_in_order_from_other_processes(two: Workers) -> None:
    found = list(two.map(slow_first, range(20)))
    assert [number for number, _ in found] == list(range(20))
    assert os.getpid() not in {pid for _, pid in found}
    assert list(Here().map(square, range(5))) == [0, 1, 4, 9, 16]


def test_no_more_parts_are_taken_than_can_be_worked_on(two: Workers) -> None:
    taken = 0

    def parts() -> Iterator[int]:
        nonlocal taken
        for number in range(1_000):
            taken += 1
            yield number

    results = two.map(square, parts())
    assert next(results) == 0
    assert taken <= 4
    results.close()  # type: ignore[attr-defined]


def test_an_error_of_the_work_is_the_callers(two: Workers) -> None:
    with pytest.raises(ValueError, match="part 0"):
        list(two.map(fail, range(3)))


def test_a_killed_process_ends_it_in_one_line() -> None:
    with open_workers(2) as workers, pytest.raises(RunError, match="fewer --workers"):
        list(workers.map(die, range(3)))


def replies(queries: int) -> Iterator[ReplyRow]:
    random = np.random.default_rng(0)
    words = [f"w{i}" for i in range(50)]
    for query in range(queries):
        for persona in range(3):
            for index in range(5):
                text = " ".join(random.choice(words, 12))
                yield ReplyRow(query, persona, index, text)


def test_lexical_values_are_the_same_bits_in_processes(two: Workers) -> None:
    tokenizer = load_tokenizer()
    here = list(lexical_stream(replies(40), tokenizer, batch_characters=2_000))
    there = list(lexical_stream(replies(40), tokenizer, batch_characters=2_000, workers=two))
    assert len(here) > 5
    for one, other in zip(here, there, strict=True):
        assert one.prompts == other.prompts
        for name in one.of_prompts:
            np.testing.assert_array_equal(one.of_prompts[name], other.of_prompts[name])
        for name in one.of_queries:
            np.testing.assert_array_equal(one.of_queries[name], other.of_queries[name])
    assert lexical_values(replies(40), tokenizer) == lexical_values(
        replies(40), tokenizer, workers=two
    )


def test_sets_of_embeddings_are_the_same_bits_in_processes(two: Workers) -> None:
    random = np.random.default_rng(0)
    rows = random.normal(size=(200, 16)).astype(np.float32)
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    sets = [
        np.arange(start, start + size)
        for start, size in zip(range(0, 180, 6), [2, 4, 6] * 10, strict=True)
    ]
    here, there = set_values(rows, sets), set_values(rows, sets, workers=two)
    for name in here:
        np.testing.assert_array_equal(here[name], there[name])


@pytest.fixture(scope="module")
def scored(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("scored") / "run"
    execute(
        RunConfig(
            model="world:cross=0.3",
            suite=("persona",),
            personas=("pirate", "butler", "monk"),
            limit=4,
            samples=4,
            temperatures=(0.7, 1.0),
            metrics=FAMILIES,
            output=folder,
        )
    )
    return folder


def test_a_run_scored_in_processes_has_the_same_results(scored: Path) -> None:
    before = json.loads((scored / "results.json").read_text())
    score(RunFolder(scored), {"metrics": FAMILIES, "workers": 2})
    after = json.loads((scored / "results.json").read_text())
    for part in ("estimates", "truth", "similarity", "notes"):
        assert after[part] == before[part], part
