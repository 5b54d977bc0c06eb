"""Ctrl-C reaches this process and not the ones it starts under the shield."""

import os
import signal
import subprocess
import sys
import time

import pytest

from sfr_eval.samplers.interrupts import ctrl_c_is_ours

CHILD = """
import signal, sys, time
signal.signal(signal.SIGINT, lambda *_: sys.exit(7))  # as an engine does
print("ready", flush=True)
time.sleep(1.5)
"""


def child() -> subprocess.Popen[str]:
    process = subprocess.Popen([sys.executable, "-c", CHILD], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    process.stdout.readline()
    return process


def test_a_shielded_child_lives_through_ctrl_c_and_another_does_not() -> None:
    with ctrl_c_is_ours():
        shielded = child()
    other = child()
    for process in (shielded, other):
        os.kill(process.pid, signal.SIGINT)
    assert other.wait() == 7
    assert shielded.wait() == 0


def test_this_process_still_hears_ctrl_c_inside() -> None:
    def hear() -> None:
        with ctrl_c_is_ours():
            os.kill(os.getpid(), signal.SIGINT)
            time.sleep(5)

    started = time.monotonic()
    with pytest.raises(KeyboardInterrupt):
        hear()
    assert time.monotonic() - started < 5.5
    assert signal.SIGINT not in signal.pthread_sigmask(signal.SIG_BLOCK, [])
