"""pytest tests/sandbox/test_neighbours.py -- 200 hostile programs beside 200 honest ones.

The honest ones get the verdicts that they get alone, no hostile one passes, and the host's memory,
threads, disk and descriptors stay bounded.
"""

import contextlib
import itertools
import os
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from sfr_eval.sandbox.isolation import Tier
from sfr_eval.sandbox.types import (
    AssertsProblem,
    FunctionalProblem,
    IoTest,
    Limits,
    Problem,
    Program,
    StdinProblem,
)
from tests.support.attack_programs import ATTACKS, RIGHT
from tests.support.fault_runs import descendants
from tests.support.reach_programs import CHANGES, SIGNALS, TRACES
from tests.support.tiers import ORDINARY, graded_in, needs_other_users

NUMBER = 200
WORKERS = 2
LIMITS = Limits(seconds=1.0, memory_bytes=2 * 2**30)
SERVER_BYTES = 2**29
HONEST_SECONDS = (
    "import time\nend = time.process_time() + 0.2\nwhile time.process_time() < end: pass\n"
)
HONEST_THREADS = (
    "import threading\nevent = threading.Event()\n"
    "threads = [threading.Thread(target=event.wait) for _ in range(100)]\n"
    "for t in threads: t.start()\nevent.set()\nfor t in threads: t.join()\n"
)
HOGS = {
    "all cores": "import hashlib, threading\ndef g():\n    while True:\n"
    "        hashlib.sha256(bytes(10**6))\nfor _ in range(60): threading.Thread(target=g).start()",
    "all threads": "import threading, time\nthreading.stack_size(32768)\nt = []\ntry:\n"
    "    while True:\n        t.append(threading.Thread(target=time.sleep, args=(99,)))\n"
    "        t[-1].start()\nexcept RuntimeError: time.sleep(99)",
    "all memory": "x = []\nwhile True: x.append(bytearray(2**24))",
    "all of tmp": "import itertools\nfor n in itertools.count():\n"
    "    open(f'/tmp/{n}', 'wb').write(bytes(2**22))",
    "all pipes": "import os, time\nx = []\ntry:\n    while True:\n        x.append(os.pipe())\n"
    "        os.set_blocking(x[-1][1], False)\n        os.write(x[-1][1], bytes(10**6))\n"
    "except OSError: time.sleep(99)",
    "large pipes": "import fcntl, os, time\nx = []\ntry:\n    while True:\n        x += os.pipe()\n"
    "        try: fcntl.fcntl(x[-1], 1031, 2**20)\n        except OSError: pass\n"
    "except OSError: time.sleep(99)",
    "descriptors on their way": "import array, socket, time\nx = []\ntry:\n    while True:\n"
    "        x += socket.socketpair()\n        n = array.array('i', [0] * 250)\n"
    "        x[-1].sendmsg([b'x'], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, n)])\n"
    "except OSError: time.sleep(99)",
    "slow exit": "import mmap\nm = mmap.mmap(-1, 2**30)\nfor i in range(0, 2**30, 4096): m[i] = 1",
}


def problem_of(form: str, *, right: int) -> Problem:
    """Returns f(1) == right in this form."""
    test = IoTest(input="1", output=str(right))
    if form == "asserts":
        return AssertsProblem(id=form, asserts=(f"assert f(1) == {right}",))
    if form == "call":
        return FunctionalProblem(id=form, function="f", tests=(test, test))
    return StdinProblem(id=form, tests=(test, test))


def hostile_programs() -> list[Program]:
    """Returns attacks in all forms, all hogs among them; they would have to answer 2."""
    codes = {**ATTACKS, **CHANGES, **{name: first for name, (first, _) in TRACES.items()}}
    codes = {name: filled(text) for name, text in codes.items()}
    codes |= {name: text + "\ndef f(x): return 0" for name, text in {**SIGNALS, **HOGS}.items()}
    turns = list(itertools.product(("asserts", "stdin", "call"), codes.items()))
    turns.sort(key=lambda turn: hash_of(turn[0] + turn[1][0]))
    chosen = sorted(turns, key=lambda turn: turn[1][0] not in HOGS)[:NUMBER]
    kept = [turn for turn in turns if turn in chosen]
    programs = []
    for form, (name, code) in kept:
        text = f"{code}\nprint(f(int(input())))" if form == "stdin" else code
        problem = problem_of(form, right=2)
        programs.append(Program(id=f"{form}: {name}", code=text, problem=problem))
    return programs


def filled(code: str) -> str:
    """Returns an attack with names of things that nobody owns."""
    places = {"pid": "1", "port": "9", "socket": "/run/x", "folder": "/root"}
    places |= {"marker": "/root/x", "private": "/root/.profile"}
    for name, place in places.items():
        code = code.replace("{" + name + "}", place)
    return code.replace("{{", "{").replace("}}", "}")


def hash_of(text: str) -> int:
    import zlib

    return zlib.crc32(text.encode())


def honest_programs() -> list[Program]:
    """Returns right and wrong programs, quick, slow and with threads, in all forms."""
    programs = []
    for number in range(NUMBER):
        form = ("asserts", "stdin", "call")[number % 3]
        code = HONEST_SECONDS + RIGHT if number % 20 == 0 else RIGHT
        code = HONEST_THREADS + code if number % 10 == 1 else code
        code += "\nprint(f(int(input())))" if form == "stdin" else ""
        right = 3 if number % 7 == 0 else 2
        problem = problem_of(form, right=right)
        programs.append(Program(id=f"honest {number}", code=code, problem=problem))
    return programs


@dataclass
class Peak:
    """The most that was in use at once."""

    memory: int = 0
    threads: int = 0
    descriptors: int = 0
    disk: int = 0


@contextlib.contextmanager
def watch() -> Iterator[Peak]:
    """Measures what all processes below this one use, ten times a second."""
    peak, stop = Peak(), threading.Event()

    def look() -> None:
        while not stop.wait(0.1):
            memory = threads = descriptors = 0
            for pid, _ in descendants(os.getpid()):
                with contextlib.suppress(OSError, ValueError, StopIteration):
                    lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
                    memory += 1024 * int(next(li for li in lines if li[:4] == "Pss:").split()[1])
                    threads += len(os.listdir(f"/proc/{pid}/task"))
                    descriptors += len(os.listdir(f"/proc/{pid}/fd"))
            disk = 0
            with contextlib.suppress(OSError):  # a folder may vanish while it is read
                for file in Path("/tmp").glob("sfr-eval-*/**/*"):
                    disk += file.lstat().st_blocks * 512
            peak.memory, peak.threads = max(peak.memory, memory), max(peak.threads, threads)
            peak.descriptors = max(peak.descriptors, descriptors)
            peak.disk = max(peak.disk, disk)

    thread = threading.Thread(target=look)
    thread.start()
    try:
        yield peak
    finally:
        stop.set()
        thread.join()


@pytest.mark.slow
@pytest.mark.parametrize("user", [0, ORDINARY])
@pytest.mark.parametrize("tier", ["bubblewrap", "namespaces", "landlock"])
def test_hostile_programs_harm_no_honest_ones(tier: Tier, user: int) -> None:
    needs_other_users()
    hostile, honest = hostile_programs(), honest_programs()
    assert (len(hostile), len(honest)) == (NUMBER, NUMBER)
    alone = graded_in(tier, honest, user=user, limits=LIMITS, workers=WORKERS)
    mixed = [program for pair in zip(hostile, honest, strict=True) for program in pair]
    before = {name for name in os.listdir("/tmp") if name.startswith("sfr-eval-")}
    with watch() as peak:
        beside = graded_in(tier, mixed, user=user, limits=LIMITS, workers=WORKERS)
    print(tier, user, peak)
    differing = [
        (p.id, p.problem.id, alone[p.id].status, beside[p.id].status, beside[p.id].detail)
        for p in honest
        if beside[p.id].status != alone[p.id].status
    ]
    assert differing == []
    assert {alone[p.id].status for p in honest} == {"passed", "wrong"}
    assert {p.id for p in hostile if beside[p.id].passed} == set()
    unscored = [beside[p.id] for p in hostile if beside[p.id].status == "not_scored"]
    print("not scored:", [(verdict.id, verdict.detail) for verdict in unscored])
    # Those that lacked a core when they were repeated alone say something about other processes of
    # the machine: nothing of ours runs then.
    assert [v.id for v in unscored if "too busy" not in v.detail] == []
    assert peak.memory < WORKERS * (LIMITS.memory_bytes + LIMITS.temporary_bytes + SERVER_BYTES)
    assert peak.threads < WORKERS * (LIMITS.processes + 20)
    assert peak.descriptors < WORKERS * (3 * 256 + 60)
    assert peak.disk < 10 * 2**20
    assert {name for name in os.listdir("/tmp") if name.startswith("sfr-eval-")} <= before
