"""pytest tests/samplers/test_local.py: real processes, cheap engines."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from sfr_eval import cli
from sfr_eval.errors import RunError, UserError
from sfr_eval.samplers.local import LocalSampler, core_share, gpu_shares
from sfr_eval.types import Request, Sample
from tests.samplers.test_backlog import requests
from tests.support.ray_samplers import Dying, Echo, EchoBuilder, Refusing


def expected(asked: list[Request]) -> dict[str, Sample]:
    return {row.sample_id: row for row in Echo().sample(asked)}


def drawn(sampler: LocalSampler, asked: list[Request]) -> dict[str, Sample]:
    rows: dict[str, Sample] = {}
    for row in sampler.sample(asked):
        assert row.sample_id not in rows, "a row came twice"
        rows[row.sample_id] = row
    return rows


def gone(pid: int) -> bool:
    """Whether a process has ended; one that nobody has waited for counts as ended."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return True
    return state == "Z"


def soon(condition: Callable[[], bool], seconds: float = 20.0) -> bool:
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            return False
        time.sleep(0.05)
    return True


def test_two_replicas_draw_what_one_engine_draws_each_row_once() -> None:
    asked = requests(3_000)
    with closing(LocalSampler(EchoBuilder(), replicas=2)) as sampler:
        assert drawn(sampler, asked) == expected(asked)
        assert drawn(sampler, asked[:10]) == expected(asked[:10])  # and it can be asked again
        facts = sampler.describe()
        assert (facts["engine"], facts["replicas"]) == ("echo", {"count": 2, "lost": 0})
        pids = [slot.place[1] for slot in sampler._slots if slot.ready]
    assert pids
    assert soon(lambda: all(map(gone, pids)))


def test_the_requests_of_a_dead_replica_go_to_others() -> None:
    asked = requests(400)
    rows: dict[str, Sample] = {}
    with closing(LocalSampler(EchoBuilder(seconds=0.002), replicas=2)) as sampler:
        for row in sampler.sample(asked):
            rows[row.sample_id] = row
            if len(rows) == 50:
                os.kill(
                    next(slot.place[1] for slot in sampler._slots if slot.ready), signal.SIGKILL
                )
        assert sampler.describe()["replicas"]["lost"] == 1
    assert rows == expected(asked)


def test_a_request_that_kills_replicas_is_given_up() -> None:
    asked = requests(40)
    poison = frozenset({asked[7].sample_id})
    with closing(LocalSampler(EchoBuilder(poison=poison), replicas=2)) as sampler:
        rows = drawn(sampler, asked)
    (lost,) = [row for row in rows.values() if row.status == "error"]
    assert lost.sample_id == asked[7].sample_id
    assert "replicas died over it" in lost.error
    assert len(rows) == 40


def test_bad_settings_of_an_engine_are_one_line() -> None:
    with pytest.raises(UserError, match="--model x: no such folder"):
        LocalSampler(Refusing(), replicas=2)


def test_engines_that_never_start_end_the_run() -> None:
    with pytest.raises(RunError, match=r"--replicas: no replica can be started .*code -9"):
        LocalSampler(Dying(), replicas=1)


@dataclass(frozen=True)
class Broken:
    def __call__(self) -> Echo:
        raise KeyError("a fault of ours")


def test_an_unexpected_fault_is_quoted() -> None:
    with pytest.raises(RunError, match=r"code 1: KeyError: 'a fault of ours'"):
        LocalSampler(Broken(), replicas=1)


@dataclass(frozen=True)
class WhatItSees:
    """Its engine is named by what it sees."""

    def __call__(self) -> Any:
        echo = Echo()
        cores = os.environ.get("OMP_NUM_THREADS", "")
        object.__setattr__(echo, "describe", lambda: {"engine": f"cores {cores}"})
        return echo


def test_replicas_share_the_cores(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("OMP_NUM_THREADS", "VLLM_CPU_KVCACHE_SPACE"):
        monkeypatch.delenv(name, raising=False)
    cores = core_share(2)["OMP_NUM_THREADS"]
    with closing(LocalSampler(WhatItSees(), replicas=2)) as sampler:
        assert sampler.describe()["engine"] == f"cores {cores}"
    monkeypatch.setenv("OMP_NUM_THREADS", "7")
    assert "OMP_NUM_THREADS" not in core_share(2)


def test_each_replica_has_gpus_of_its_own() -> None:
    shares = gpu_shares(["4", "5", "6", "7", "8"], replicas=2, each=2)
    assert [share["CUDA_VISIBLE_DEVICES"] for share in shares] == ["4,5", "6,7"]
    with pytest.raises(UserError, match=r"--replicas 3: needs 6 GPUs .* shows 5"):
        gpu_shares(["0", "1", "2", "3", "4"], replicas=3, each=2)


PARENT = """
import sys
from sfr_eval.samplers.local import LocalSampler
from tests.samplers.test_backlog import requests
from tests.support.ray_samplers import EchoBuilder

sampler = LocalSampler(EchoBuilder(seconds=0.01), replicas=2)
for number, row in enumerate(sampler.sample(requests(5000))):
    if number == 100:
        print(*[slot.actor.process.pid for slot in sampler._slots], flush=True)
"""


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGINT])
def test_no_replica_outlives_the_run(how: signal.Signals) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", PARENT], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    ) as parent:
        assert parent.stdout is not None
        pids = [int(pid) for pid in parent.stdout.readline().split()]
        assert len(pids) == 2
        assert not any(map(gone, pids))
        parent.send_signal(how)
        parent.wait()
    assert soon(lambda: all(map(gone, pids)))


def run(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> int:
    line = ["sfr-eval", "run", "--model", "world:cross=0.3", "--suite", "persona", "--samples", "2"]
    line += ["--limit", "2", "--temperatures", "1.0", "--metrics", "text", *arguments]
    monkeypatch.setattr(sys, "argv", line)
    with pytest.raises(SystemExit) as end:
        cli.main()
    return int(end.value.code or 0)


def test_a_run_with_replicas_seals_the_bytes_of_one_without(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert run(monkeypatch, "--output", "one") == 0
    assert run(monkeypatch, "--output", "two", "--replicas", "2") == 0
    one, two = (
        json.loads((tmp_path / name / "manifest.json").read_text()) for name in ("one", "two")
    )
    assert one["sealed"] == two["sealed"]
    assert two["sampler"]["replicas"]["count"] == 2


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--base-url", "http://a/v1"], "give several --base-url"),
        (["--engine", "transformers"], "use --engine vllm"),
    ],
)
def test_replicas_of_other_engines_are_refused(
    arguments: list[str],
    says: str,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    assert run(monkeypatch, "--replicas", "2", *arguments) == 2
    assert says in capfd.readouterr().err


@pytest.mark.slow
def test_two_copies_of_vllm_draw_what_one_draws(
    tiny_checkpoint: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    model = ["--model", str(tiny_checkpoint), "--max-tokens", "16"]
    assert run(monkeypatch, *model, "--output", "one") == 0
    assert run(monkeypatch, *model, "--output", "two", "--replicas", "2") == 0
    one, two = (
        json.loads((tmp_path / name / "manifest.json").read_text()) for name in ("one", "two")
    )
    assert one["sealed"] == two["sealed"]
