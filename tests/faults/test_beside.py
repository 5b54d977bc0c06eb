"""Signals to a run whose replies are embedded beside sampling: no process and no temporary file
stays, and the repetition gives equal bytes."""

import os
import signal
import time
from collections.abc import Sequence
from pathlib import Path

import pytest

from tests.support.fault_runs import (
    PATIENCE,
    assert_nothing_lost_nothing_twice,
    count_rows,
    finish,
    start,
    wait_until,
)

pytestmark = [pytest.mark.slow, pytest.mark.faults, pytest.mark.model]

COMMAND = (
    *("run", "--model", "world:cross=0.3", "--suite", "persona", "--limit", "8"),
    *("--samples", "4", "--temperatures", "1.0", "--metrics", "semantic"),
)
REQUESTS, FIRST = 8 * 9 * 4, 160

# The rest is drawn when the first replies are embedded; then the run waits for its signal.
STOPS = f"""
import os, time
from pathlib import Path
from sfr_eval.pipeline import embed_beside
from sfr_eval.samplers.world import WorldSampler
embed_beside.WORTH, embed_beside._BATCH = 1, 16
whole = WorldSampler.sample
def sample(self, requests):
    for number, row in enumerate(whole(self, requests)):
        while number == {FIRST} and not list(Path(os.environ["SFR_EVAL_CACHE"]).rglob("*.keys")):
            time.sleep(0.05)
        if number == {REQUESTS - 1}:
            time.sleep({PATIENCE})
        yield row
WorldSampler.sample = sample
"""


def workers(cache: Path) -> list[int]:
    """The processes that embed into a cache."""
    found = []
    for entry in Path("/proc").iterdir():
        try:
            words = (entry / "cmdline").read_bytes() if entry.name.isdigit() else b""
        except (FileNotFoundError, ProcessLookupError):
            continue
        if b"embed_worker" in words and str(cache).encode() in words:
            found.append(int(entry.name))
    return found


@pytest.fixture(scope="module")
def truth(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("beside")
    finish(*COMMAND, "--output", folder / "run", SFR_EVAL_CACHE=str(folder / "cache"))
    return folder / "run"


@pytest.mark.parametrize(
    ("drawn", "signals", "code"),
    [
        (FIRST, [signal.SIGINT], 130),  # it is still loading the encoder
        (FIRST, [signal.SIGKILL], -signal.SIGKILL),
        (REQUESTS - 1, [signal.SIGINT], 130),
        (REQUESTS - 1, [signal.SIGINT, signal.SIGINT], 130),
        (REQUESTS - 1, [signal.SIGTERM], 130),
        (REQUESTS - 1, [signal.SIGKILL], -signal.SIGKILL),
    ],
)
def test_a_signal_leaves_no_worker_and_the_next_run_equal_bytes(
    drawn: int, signals: Sequence[signal.Signals], code: int, tmp_path: Path, truth: Path
) -> None:
    output, cache = tmp_path / "run", tmp_path / "cache"
    command = (*COMMAND, "--output", output)
    process = start(*command, before=STOPS, SFR_EVAL_CACHE=str(cache))
    wait_until(lambda: count_rows(output) >= drawn and bool(workers(cache)), process)
    for number in signals:
        os.killpg(process.pid, number)  # a terminal sends it to the whole group
        time.sleep(0.5)
    text, _ = process.communicate(timeout=PATIENCE)
    assert process.returncode == code, text
    assert "Traceback" not in text
    if code == 130:
        assert workers(cache) == []
        assert list(tmp_path.rglob("*.part")) == []
    else:
        wait_until(lambda: workers(cache) == [])
    finish(*command, SFR_EVAL_CACHE=str(cache))
    assert_nothing_lost_nothing_twice(output, (truth / "samples.parquet").read_bytes())
    assert (output / "results.json").read_bytes() == (truth / "results.json").read_bytes()
    assert list(cache.rglob("*.part")) == []
