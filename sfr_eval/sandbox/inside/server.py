"""The fork server: one warm interpreter that clones a confined process for each program.

    grader --control socket--> server --clone--> keeper (process 1 of the program's namespace)
                                                   `--fork--> the program (faithful mode)
    grader <--------------- wire (one socket a program) ---------------'

The keeper sets the namespace up. In faithful mode it forks one process a test from the compiled
program and relays what comes out; else it becomes the program. The grader ends every program by
one byte on the control socket: the server kills process 1, and the kernel with it all the rest.
"""

import contextlib
import gc
import json
import os
import resource
import select
import shutil
import signal
import socket
import sys
import tempfile
from dataclasses import dataclass
from typing import Any, NoReturn

from . import asserts, compat, confine, fresh, keeper
from .wire import read_frame, write_json

_PRELOAD_NAMES = (
    "__future__ abc array ast atexit bisect cmath collections copy ctypes datetime decimal "
    "fractions functools heapq io itertools json math operator os random re statistics string "
    "struct sys threading time traceback typing warnings"
)
_PRELOAD = _PRELOAD_NAMES.split()
"""What programs import most; a fork gets it free."""


_END_SECONDS = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """What the grader decided when it chose the tier; see isolation.py there."""

    control: int
    user: int | None  # give up root for this user and group
    clone_flags: int  # 0: no namespaces
    landlock: bool
    seccomp: bool
    readable: list[str]
    packages: str | None  # folder with the packages from outside the standard library
    numpy: bool  # import NumPy beforehand
    private_tmp: bool  # each program has its own /tmp
    temporary: int  # bytes of it


def main(text: str) -> None:
    """Serve until the control socket closes."""
    settings = Settings(**json.loads(text))
    _settle(settings)
    _warm_up(settings)
    control = socket.socket(fileno=settings.control)
    program = b""
    if settings.seccomp:
        confine.apply_seccomp(confine.server_filter())
        program = confine.program_filter(first=bool(settings.clone_flags))
    write_json(settings.control, _facts())
    fresh.to_null(0, 1, 2)  # programs find these, and sys.stdin, stdout and stderr on them
    ready = _stand_by(settings, control, program)
    while True:
        order, fds, _, _ = socket.recv_fds(control, 1, 1)
        if order == b"s":
            write_json(settings.control, _size())
            continue
        if not order or not fds:
            _leave(settings, ready)
        socket.send_fds(ready.channel, [b"w"], fds)
        os.close(fds[0])
        ready.channel.close()
        # The next process is made while this one works: free where a second core is idle.
        current, ready = ready, _stand_by(settings, control, program)
        if not _one_program(settings, control, current):
            _leave(settings, ready)


def _settle(settings: Settings) -> None:
    if settings.user is not None:
        os.setgroups([])
        os.setresgid(settings.user, settings.user, settings.user)
        os.setresuid(settings.user, settings.user, settings.user)
    if settings.seccomp or settings.landlock:
        confine.no_new_privileges()
        confine.drop_capabilities()
    # Writing the maps of a new user namespace needs it; the namespaces protect the server then.
    confine.dumpable(bool(settings.clone_flags))


def _warm_up(settings: Settings) -> None:
    import site

    site.setquit()
    site.setcopyright()
    site.sethelper()
    for name in _PRELOAD:
        __import__(name)
    if settings.packages is not None:
        sys.path.append(settings.packages)
    if settings.numpy:
        numpy = __import__("numpy")
        numpy.random.seed(0)
    gc.collect()
    gc.freeze()  # the collector would touch, and so copy, pages in every fork


def _facts() -> dict[str, Any]:
    with open("/proc/self/status") as stream:
        status = dict(line.split(":\t", 1) for line in stream if ":\t" in line)
    return {
        "python": sys.version.split()[0],
        "capabilities": int(status["CapEff"], 16),
        "no_new_privileges": int(status.get("NoNewPrivs", "0")),
        "user": os.getuid(),
        "landlock": confine.landlock_abi(),
        "numpy": "numpy" in sys.modules,
    }


def _size() -> dict[str, int]:
    with open("/proc/self/statm") as stream:
        pages = int(stream.read().split()[1])
    return {"memory": pages * resource.getpagesize(), "files": len(os.listdir("/proc/self/fd"))}


@dataclass(frozen=True, slots=True)
class Process:
    """A process 1 that is confined as far as possible without knowing its program."""

    pid: int
    channel: socket.socket  # takes the program's wire
    folder: str


def _stand_by(settings: Settings, control: socket.socket, program: bytes) -> Process:
    folder = "/tmp" if settings.private_tmp else tempfile.mkdtemp(prefix="sfr-eval-")
    ours, theirs = socket.socketpair()
    user = os.getuid(), os.getgid()  # inside the new namespace they read 65534 until mapped
    pid = confine.clone(settings.clone_flags) if settings.clone_flags else os.fork()
    if pid == 0:
        try:
            control.close()
            ours.close()
            _keep(settings, theirs, folder, program, user)
        finally:
            os._exit(0)
    theirs.close()
    return Process(pid, ours, folder)


def _one_program(settings: Settings, control: socket.socket, process: Process) -> bool:
    """Wait for the order to end it, and report; False when the grader is gone."""
    order = control.recv(1)
    if order == b"t":
        os.kill(process.pid, signal.SIGTERM)  # the keeper ends the program, counts its CPU time
    if order in (b"t", b"w"):
        _wait(process.pid, seconds=_END_SECONDS)
    status, cpu = _remove(settings, process)
    if order:
        write_json(control.fileno(), {"exit": os.waitstatus_to_exitcode(status), "cpu": cpu})
    return bool(order)


def _remove(settings: Settings, process: Process) -> tuple[int, float]:
    """Kill it and all that it started; its status word and its CPU seconds."""
    os.kill(process.pid, signal.SIGKILL)
    _, status, usage = os.wait4(process.pid, 0)
    if not settings.private_tmp:
        _end_group(process.pid)
        shutil.rmtree(process.folder, ignore_errors=True)
    return status, usage.ru_utime + usage.ru_stime


def _leave(settings: Settings, ready: Process) -> NoReturn:
    _remove(settings, ready)
    os._exit(0)


def _wait(pid: int, *, seconds: float) -> None:
    process = os.pidfd_open(pid)
    poll = select.poll()
    poll.register(process, select.POLLIN)
    poll.poll(seconds * 1000)
    os.close(process)


def _end_group(leader: int) -> None:
    """Without a namespace of its own the program's processes are found by their group."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(leader, signal.SIGKILL)


def _keep(
    settings: Settings,
    channel: socket.socket,
    folder: str,
    program: bytes,
    user: tuple[int, int],
) -> None:
    """The whole life of process 1 of a program's namespace.

    In faithful mode it keeps the processes of the tests; else it becomes the program itself, which
    saves a fork. The kernel spares process 1 the signals that it sends to itself, so the filter
    ends it for those.
    """
    problem = ""
    ruleset = None
    try:
        ruleset = _prepare(settings, folder, user)
    except OSError as error:
        problem = str(error)
    _, fds, _, _ = socket.recv_fds(channel, 1, 1)
    channel.close()
    if not fds:
        return
    wire = fds[0]
    job = json.loads(read_frame(wire) or b"{}")
    keeps = job["how"].startswith("faithful")
    confined = keeper.Confinement(ruleset=ruleset, seccomp=program)
    try:
        _limit(settings, job)
        if keeps:
            keeper.listen()
        else:
            confined.enter()
    except OSError as error:
        problem = problem or str(error)
    if problem:
        write_json(wire, {"infrastructure": problem})
        return
    write_json(wire, {"ready": True})  # what comes after may be the program's own writing
    if keeps:
        keeper.supervise(job, wire, folder, confined)
    _run_inside(job, wire)


def _run_inside(job: dict[str, Any], wire: int) -> None:
    if job["how"].startswith("compat"):
        compat.run(job, wire)
    else:
        asserts.run(job, wire)


def _prepare(settings: Settings, folder: str, user: tuple[int, int]) -> int | None:
    """Namespace, folder, Landlock ruleset (made, not yet entered), no capabilities."""
    if settings.clone_flags:
        confine.map_own_user(*user)
    else:
        os.setpgid(0, 0)
        confine.die_with_parent()
    if settings.private_tmp:
        confine.mount_tmpfs("/tmp", settings.temporary)
    os.mkdir(f"{folder}/work")
    os.chdir(f"{folder}/work")
    if settings.seccomp or settings.landlock:
        confine.drop_capabilities()
    confine.dumpable(False)
    if not settings.landlock:
        return None
    return confine.landlock_ruleset(read=settings.readable, write=[folder, "/dev/null"])


def _limit(settings: Settings, job: dict[str, Any]) -> None:
    confine.limit_resources(
        memory=job["memory"],
        file_bytes=settings.temporary,
        processes=_process_limit(settings, job["processes"]),
        cpu_seconds=job["cpu_seconds"],
    )


def _process_limit(settings: Settings, processes: int) -> int:
    """In a user namespace of its own the limit counts the program's processes only; else it would
    count everything that this user runs."""
    if settings.clone_flags:
        return processes
    return resource.getrlimit(resource.RLIMIT_NPROC)[1]
