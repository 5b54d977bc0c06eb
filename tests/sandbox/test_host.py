"""pytest tests/sandbox/test_host.py -- a server that stops or dies is replaced in time."""

import os
import signal
import threading
import time

import pytest

from sfr_eval.sandbox import host as host_module
from sfr_eval.sandbox.detect import detect
from sfr_eval.sandbox.grade import grade
from sfr_eval.sandbox.host import Host, HostError
from sfr_eval.sandbox.types import AssertsProblem, Program
from tests.support.fault_runs import descendants

PROBLEM = AssertsProblem(id="p", asserts=("assert f(1) == 2",))
SLEEPS = "import time\ntime.sleep(1.5)\ndef f(x): return x + 1"


def stop_servers(*, above: set[int]) -> None:
    """Stops all processes of our servers but those of others."""
    for pid, _ in descendants(os.getpid()):
        if pid not in above:
            os.kill(pid, signal.SIGSTOP)


def test_a_stopped_server_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    before = {pid for pid, _ in descendants(os.getpid())}
    with Host(detect().tier) as host:
        stop_servers(above=before)
        monkeypatch.setattr(host_module, "_REPORT_SECONDS", 0.5)
        started = time.monotonic()
        with pytest.raises(HostError, match="did not answer"):
            host.end(b"k")
        assert time.monotonic() - started < 5
        assert not host.usable
    assert {pid for pid, _ in descendants(os.getpid())} <= before


def test_a_server_stopped_under_a_program_is_replaced(monkeypatch: pytest.MonkeyPatch) -> None:
    """The program gets its verdict from a new server, and the next one too."""
    monkeypatch.setattr(host_module, "_REPORT_SECONDS", 1.0)
    before = {pid for pid, _ in descendants(os.getpid())}
    timer = threading.Timer(1.0, stop_servers, kwargs={"above": before})
    programs = [Program(id=str(place), code=SLEEPS, problem=PROBLEM) for place in range(2)]
    detect()
    timer.start()
    started = time.monotonic()
    verdicts = list(grade(programs, workers=1))
    timer.join()
    assert [verdict.status for verdict in verdicts] == ["passed", "passed"]
    assert time.monotonic() - started < 60
