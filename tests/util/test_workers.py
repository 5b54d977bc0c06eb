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
from sfr_eval.util.workers import Here, Workers, open_workers, usual_workers

FAMILIES = ("text", "lexical", "semantic", "gated")


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


FAMILIES = ("text", "lexical", "semantic", "gated")


@pytest.fixture(scope="module")
def two() -> Iterator[Workers]:
    with open_workers(2) as workers:
        yield workers


def test_only_large_runs_start_processes_that_nobody_asked_for(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for cores, usual in ((1, 1), (2, 2), (64, 8)):
        monkeypatch.setattr(os, "sched_getaffinity", lambda _, n=cores: set(range(n)))
        assert usual_workers(19_999) == 1
        assert usual_workers(85_248) == usual


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


def test_processes_end_with_one_that_is_killed(tmp_path: Path) -> None:
    script = tmp_path / "script.py"
    script.write_text(
        "import os, signal\n"
        "from sfr_eval.util.workers import open_workers\n"
        "if __name__ == '__main__':\n"
        "    with open_workers(2) as workers:\n"
        "        next(workers.map(os.getpgid, [0]))\n"
        "        os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    process = subprocess.Popen([sys.executable, str(script)], start_new_session=True)
    assert process.wait() == -signal.SIGKILL
    group = process.pid
    for _ in range(300):
        try:
            os.killpg(group, 0)
        except ProcessLookupError:
            return
        time.sleep(0.1)
    os.killpg(group, signal.SIGKILL)
    pytest.fail("a worker goes on without the process that started it")


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
