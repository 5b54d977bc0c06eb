"""Runs commands of sfr-eval in processes forked from one that has imported the packages already, so
that a case costs a fraction of a second: `python server.py SCRATCH MODULE ...`, with the shim
preloaded.

A line of JSON on stdin is a case, a line on stdout its end.
"""

import atexit
import ctypes
import gc
import importlib
import json
import os
import resource
import signal
import sys
import threading
import time
from pathlib import Path
from typing import Any

PATIENCE = float(os.environ.get("SFR_EVAL_TEST_PATIENCE", "120"))
_PR_SET_CHILD_SUBREAPER = 36
_GRACE = 5.0  # seconds in which what a command started has to end after it


def serve() -> dict[str, Any]:
    """Answer until stdin ends. Returns, in a child, the case that it is to become."""
    ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)  # orphans become our children
    for line in sys.stdin:
        case = json.loads(line)
        states = States(Path(case["folder"]), Path(case["states"])) if case["states"] else None
        used, started = _used(), time.monotonic()
        with open(case["output"], "wb") as output:
            child = os.fork()
            if child == 0:
                os.setsid()
                os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
                for number in (1, 2):
                    os.dup2(output.fileno(), number)
                return {**case, "pipes": states.pipes if states else (-1, -1)}
        code = _end_of(child, states, until=started + PATIENCE)
        end = {
            "code": code,
            "orphans": _left_behind(child),
            "states": states.close() if states else [],
            "seconds": _used() - used,
        }
        print(json.dumps(end), flush=True)
    sys.exit(0)


def _used() -> float:
    """Return the CPU time of the commands so far."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def _end_of(child: int, states: "States | None", *, until: float) -> int:
    """Return the exit code of a child; that of SIGALRM, which nothing sends, for one that hangs."""
    while time.monotonic() < until:
        done, status = os.waitpid(child, os.WNOHANG)
        if done:
            return os.waitstatus_to_exitcode(status)
        if states is None or not states.look(0.002):
            time.sleep(0.002)
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    return -signal.SIGALRM


def _left_behind(child: int) -> list[str]:
    """Return the command lines of processes that outlive their command, and end them."""
    until = time.monotonic() + _GRACE
    while processes := _children():
        if time.monotonic() > until:
            names = []
            for pid in processes:
                command = Path(f"/proc/{pid}/cmdline").read_bytes()
                names.append(command.replace(b"\0", b" ").decode(errors="replace"))
                os.kill(pid, signal.SIGKILL)
            return names
        time.sleep(0.005)
    return []


def _children() -> list[int]:
    while True:
        try:
            done, _ = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return []
        if not done:
            break
    children = Path("/proc/self/task", str(os.getpid()), "children").read_text()
    return [int(pid) for pid in children.split()]


def become(case: dict[str, Any]) -> None:
    """Run the command line, and end as it ends."""
    from sfr_eval import cli

    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    os.chdir(str(case["folder"]))
    os.environ.update(case["environment"])
    log = os.open(str(case["log"]), os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC)
    sys.argv = ["sfr-eval", *case["arguments"]]
    shim = ctypes.CDLL(os.environ["LD_PRELOAD"])
    roots = str(case["folder"]).encode()
    disturbance = (case["action"], case["value"], case["times"])
    shim.arm(roots, ctypes.c_long(case["at"]), *disturbance, log, *case["pipes"])
    try:
        cli.main()
    except SystemExit as end:
        # As the interpreter ends, without taking a hundred megabytes of packages to pieces.
        module: Any = atexit
        threading_module: Any = threading
        threading_module._shutdown()
        module._run_exitfuncs()
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(end.code if isinstance(end.code, int) else 0)


if __name__ == "__main__":
    from tests.support.crash.memory import remember
    from tests.support.crash.states import States

    for module in sys.argv[2:]:
        importlib.import_module(module)
    figures = Path(sys.argv[1]) / "figures"
    figures.mkdir(exist_ok=True)
    remember(figures)
    gc.freeze()  # collections of the children copy no page of ours
    become(serve())
