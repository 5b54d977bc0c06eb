"""pytest tests/util/test_limited.py"""

import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from sfr_eval.util.limited import LimitedWorker, TooMuch, excess

MB = 2**20


def test_what_is_modest_passes() -> None:
    assert excess(lambda: "x" * 10, seconds=10, memory=64 * MB) is None


def test_memory_and_time_are_named() -> None:
    assert excess(lambda: "x" * 2**31, seconds=10, memory=1024 * MB) == (
        "more than 1 GiB of memory"
    )
    assert excess(lambda: time.sleep(60), seconds=0.2, memory=64 * MB) == "more than 0.2 seconds"


def test_an_error_of_the_call_is_left_to_the_caller() -> None:
    def fail() -> None:
        raise ValueError

    assert excess(fail, seconds=10, memory=64 * MB) is None


def test_a_call_that_kills_its_process_is_too_much() -> None:
    much = excess(lambda: os.kill(os.getpid(), signal.SIGKILL), seconds=10, memory=64 * MB)
    assert much is not None


# A worker that stays


def echo(message: bytes) -> bytes:
    if message == b"fail":
        raise ValueError
    if message == b"sleep":
        time.sleep(60)
    if message == b"eat":
        return b"x" * 2**31
    if message == b"end":
        os._exit(0)
    return b"%d %s" % (os.getpid(), message)


@pytest.fixture
def worker() -> Iterator[LimitedWorker]:
    made = LimitedWorker(echo, memory=1024 * MB)
    yield made
    made.close()


def test_one_process_answers_message_after_message(worker: LimitedWorker) -> None:
    first, second = (worker(text, seconds=10).split() for text in (b"a", b"b" * 300_000))
    assert first[0] == second[0] != b"%d" % os.getpid()
    assert (first[1], second[1]) == (b"a", b"b" * 300_000)
    assert worker(b"fail", seconds=10) == b""
    assert worker(b"c", seconds=10).split()[0] == first[0]


@pytest.mark.parametrize(
    ("message", "says"),
    [(b"sleep", "0.2 seconds"), (b"eat", "1 GiB of memory"), (b"end", "1 GiB of memory")],
)
def test_after_what_takes_too_much_comes_another(
    message: bytes, says: str, worker: LimitedWorker
) -> None:
    pid = worker(b"a", seconds=10).split()[0]
    with pytest.raises(TooMuch, match=says):
        worker(message, seconds=0.2 if message == b"sleep" else 60)
    assert not Path(f"/proc/{int(pid)}").exists()
    assert worker(b"b", seconds=10).split()[1] == b"b"


def test_a_worker_ends_with_whoever_asks_and_is_not_inherited(worker: LimitedWorker) -> None:
    mine = int(worker(b"a", seconds=10).split()[0])
    receiver, sender = os.pipe()
    asking = os.fork()
    if asking == 0:  # a copy of this process asks a worker of its own, and is killed
        os.write(sender, worker(b"b", seconds=10).split()[0])
        os.kill(os.getpid(), signal.SIGKILL)
    os.close(sender)
    theirs = int(os.read(receiver, 100))
    os.waitpid(asking, 0)
    os.close(receiver)
    until = time.monotonic() + 60
    while _runs(theirs) and time.monotonic() < until:
        time.sleep(0.01)
    assert not _runs(theirs)
    assert int(worker(b"c", seconds=10).split()[0]) == mine != theirs


def _runs(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


def test_an_interrupt_leaves_no_answer_to_an_earlier_message(
    worker: LimitedWorker, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("sfr_eval.util.limited.select.select", interrupted)
        with pytest.raises(KeyboardInterrupt):
            worker(b"a", seconds=10)
    assert worker(b"b", seconds=10).split()[1] == b"b"
