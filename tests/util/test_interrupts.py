"""Ctrl-C reaches this process and not the ones it starts under the shield."""

import os
import signal
import subprocess
import sys

from sfr_eval.util.interrupts import ctrl_c_is_ours

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


def test_only_a_shielded_child_survives_ctrl_c() -> None:
    with ctrl_c_is_ours():
        shielded = child()
    other = child()
    for process in (shielded, other):
        os.kill(process.pid, signal.SIGINT)
    assert other.wait() == 7
    assert shielded.wait() == 0


OWNER = """
import os, signal, time
from sfr_eval.util.interrupts import ctrl_c_is_ours
signal.signal(signal.SIGINT, signal.default_int_handler)
started = time.monotonic()
try:
    with ctrl_c_is_ours():
        os.kill(os.getpid(), signal.SIGINT)
        time.sleep(2)
except KeyboardInterrupt:
    blocked = signal.pthread_sigmask(signal.SIG_BLOCK, [])
    print(signal.SIGINT in blocked, time.monotonic() - started < 10)
"""


def test_this_process_still_gets_ctrl_c_during_and_after() -> None:
    # in a process of its own: what runs the tests may have its own use of SIGINT
    done = subprocess.run([sys.executable, "-c", OWNER], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["False", "True"]
