"""pytest tests/sandbox/test_checker_forks.py: one small process, of which the others are forks."""

import os
import signal
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from sfr_eval.sandbox import checker as checker_module
from sfr_eval.sandbox.checker import TOO_MUCH, Checker
from sfr_eval.sandbox.checker_forks import Forks

LINES = ("11 " * 10_000_000 + "\n") * 2  # more words than fit into its memory
REPLY = LINES.encode()


@pytest.fixture(autouse=True)
def forks(monkeypatch: pytest.MonkeyPatch) -> Iterator[Forks]:
    forks = Forks()
    monkeypatch.setattr(checker_module, "FORKS", forks)
    yield forks
    forks.close()


def parent_of(pid: int) -> int:
    return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])


def ask(checker: Checker) -> int:
    assert checker.ask("are_json", ("1",)) is True
    assert checker.pid is not None
    return checker.pid


def test_each_has_a_process_and_all_have_one_parent() -> None:
    with Checker() as first, Checker() as second:
        pids = [ask(first), ask(second)]
        parents = {parent_of(pid) for pid in pids}
    assert len(set(pids)) == 2
    assert len(parents) == 1
    assert parents.isdisjoint({os.getpid(), *pids})
    assert not any(Path(f"/proc/{pid}").exists() for pid in pids)
    with Checker() as third:
        assert parent_of(ask(third)) in parents  # it is not started again


def test_a_busy_process_holds_up_no_other_and_is_replaced() -> None:
    with Checker() as slow, Checker() as quick, ThreadPoolExecutor() as pool:
        ask(slow)
        busy = pool.submit(
            slow.outcome, "printed", LINES.replace("1", "2"), replies=(LINES.encode(),)
        )
        answers = 0
        while not busy.done():
            ask(quick)
            answers += 1
        assert busy.result() == TOO_MUCH
        assert answers > 1
        ask(slow)  # another process


def test_a_killed_parent_is_replaced_and_its_forks_go_on(forks: Forks) -> None:
    with Checker() as first, Checker() as second:
        os.kill(parent_of(pid := ask(first)), signal.SIGKILL)
        assert ask(first) == pid
        ask(second)
    deadline = time.monotonic() + 60
    while Path(f"/proc/{pid}").exists():  # it reads that nobody needs it
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_a_grader_that_forks_shares_nothing_with_its_child() -> None:
    with Checker() as checker:
        parent = parent_of(ask(checker))
        child = os.fork()
        if child == 0:
            status = 1
            try:
                with Checker() as own:
                    status = int(parent_of(ask(own)) == parent)
            finally:
                os._exit(status)
        assert os.waitpid(child, 0)[1] == 0
        assert parent_of(ask(checker)) == parent


def test_nothing_is_left_when_all_is_closed(forks: Forks) -> None:
    checker = Checker()
    pid = ask(checker)
    parent = parent_of(pid)
    forks.close()
    assert not Path(f"/proc/{parent}").exists()
    assert not Path(f"/proc/{pid}").exists()
    checker.close()
