"""Who waits for another process says so, and no collective operation ends the wait."""

import errno
import multiprocessing
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest
import sfr_train.data.turns as turns
from sfr_train.data.turns import one_at_a_time

from sfr_eval.errors import RunError, UserError

ROOT = Path(__file__).parents[3]


def _hold(lock: Path, ready: Path, seconds: float) -> None:
    with one_at_a_time(lock, what="bake"):
        ready.touch()
        time.sleep(seconds)


def _holder(folder: Path, seconds: float) -> multiprocessing.Process:
    holder = multiprocessing.get_context("fork").Process(
        target=_hold, args=(folder / "lock", folder / "ready", seconds)
    )
    holder.start()
    while not (folder / "ready").exists():
        time.sleep(0.01)
    return holder


def test_a_process_waits_for_another_and_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(turns, "HEARTBEAT", 0.3)
    holder = _holder(tmp_path, 1.5)
    with one_at_a_time(tmp_path / "lock", what="bake", progress=lambda: ": 3 of 9 loaves"):
        assert holder.exitcode is not None or not holder.join(1)
    lines = capsys.readouterr().err.splitlines()
    assert 2 <= len(lines) <= 5
    assert all("s for another process to bake: 3 of 9 loaves" in line for line in lines)


def test_a_process_that_is_killed_gives_up_its_turn(tmp_path: Path) -> None:
    holder = _holder(tmp_path, 60)
    os.kill(holder.pid or 0, signal.SIGKILL)
    began = time.monotonic()
    with one_at_a_time(tmp_path / "lock", what="bake"):
        assert time.monotonic() - began < 10
    holder.join()


def _hold_with_a_helper(lock: Path, ready: Path) -> None:
    with one_at_a_time(lock, what="bake"):
        helper = multiprocessing.get_context("fork").Process(target=time.sleep, args=(60,))
        helper.start()
        ready.write_text(str(helper.pid))
        time.sleep(60)


def test_helpers_of_a_process_that_is_killed_hold_nothing(tmp_path: Path) -> None:
    """As the processes among which the datasets library divides a piece."""
    lock, ready = tmp_path / "lock", tmp_path / "ready"
    holder = multiprocessing.get_context("fork").Process(
        target=_hold_with_a_helper, args=(lock, ready)
    )
    holder.start()
    while not ready.exists() or not ready.read_text():
        time.sleep(0.01)
    os.kill(holder.pid or 0, signal.SIGKILL)
    holder.join()
    began = time.monotonic()
    with one_at_a_time(lock, what="bake"):
        assert time.monotonic() - began < 10
    status = Path(f"/proc/{ready.read_text()}/stat")
    while status.exists() and status.read_text().rpartition(")")[2].split()[0] != "Z":
        assert time.monotonic() - began < 20
        time.sleep(0.1)


def test_a_folder_that_cannot_be_written_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with (
        pytest.raises(UserError, match=r"cannot be written .*; set SFR_EVAL_CACHE"),
        one_at_a_time(tmp_path / "file" / "lock", what="bake"),
    ):
        pass


@pytest.mark.parametrize("number", [errno.EROFS, errno.EACCES])
def test_a_folder_that_is_read_only_will_do_for_reading(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    def read_only(*_: object, **__: object) -> None:
        raise OSError(number, "read-only")

    monkeypatch.setattr(Path, "open", read_only)
    with one_at_a_time(tmp_path / "lock", what="bake"):
        pass
    with (
        pytest.raises(UserError, match=r"cannot be written \(read-only\); set SFR_EVAL_CACHE"),
        one_at_a_time(tmp_path / "lock", what="bake"),
    ):
        (tmp_path / "bread").open("w")


def test_ranks_outwait_the_limit_of_collectives(tmp_path: Path) -> None:
    """24 rows of .4 s are prepared once, by one of two ranks, under a limit of 5 seconds."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    common = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join(map(str, (ROOT, ROOT / "train"))),
        "OMP_NUM_THREADS": "1",
        "WORLD_SIZE": "2",
        "LOCAL_WORLD_SIZE": "2",
        "MASTER_ADDR": "127.0.0.1",
        "MASTER_PORT": str(port),
    }
    script = ROOT / "tests" / "support" / "slow_preparation.py"
    processes = [
        subprocess.Popen(
            [sys.executable, str(script), str(tmp_path), "0.4", "5"],
            env={**common, "RANK": str(rank), "LOCAL_RANK": str(rank)},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        )
        for rank in range(2)
    ]
    try:
        errors = [process.communicate(timeout=300)[1] for process in processes]
    finally:
        for process in processes:
            process.kill()
    assert [process.returncode for process in processes] == [0, 0], "\n".join(errors)[-3000:]
    assert len((tmp_path / "rows").read_text().splitlines()) == 24
    waits = [line for text in errors for line in text.splitlines() if "waiting" in line]
    tokens = [line for line in waits if "to tokenize train rows: 0 of 24 rows" in line]
    assert len(tokens) >= 5


def test_what_is_not_finished_goes_before_and_after(tmp_path: Path) -> None:
    def bake(end: str) -> None:
        with one_at_a_time(tmp_path / "lock", what="bake", scratch=tmp_path / "oven"):
            assert not list((tmp_path / "oven").glob("tmp*"))
            (tmp_path / "oven" / "tmp01234567").touch()
            (tmp_path / "oven" / "00000.arrow").touch()
            if end:
                raise OSError(28, end)

    with pytest.raises(RunError, match="the disk is full"):
        bake("no space")
    assert [file.name for file in (tmp_path / "oven").iterdir()] == ["00000.arrow"]
    (tmp_path / "oven" / "tmp76543210").touch()
    bake("")
