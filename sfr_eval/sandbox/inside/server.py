"""The fork server: one warm interpreter that clones a confined process for each program.

    grader --control socket--> server --clone--> process 1 of the program's namespace
       `-------- wire (one socket per program) -------'  (faithful mode: one more per test below it)

Each process is made while the previous program still runs, and confined as far as possible without
knowing its own program. Its wire goes to the grader with the report on the previous program, so
that handing over a program takes no turn of the server. In faithful mode process 1 keeps the
processes of the tests and relays their output; otherwise it becomes the program. The grader ends
every program by one byte on the control socket: the server kills process 1, and the kernel kills
everything else along with it.
"""

import _socket
import contextlib
import gc
import importlib
import json
import marshal
import os
import resource
import select
import signal
import sys
from typing import TYPE_CHECKING, Any, NamedTuple, NoReturn

from . import asserts, confine, filters, fresh, keeper, root
from .wire import json_frame, read_frame, write_frame, write_json

if TYPE_CHECKING:
    from .threads import Threads

_PRELOAD = (
    "__future__ abc atexit bisect collections copy functools heapq io itertools json math operator "
    "os random re string struct sys threading time typing"
)
"""What programs import most, free in a fork. Each further module costs every fork, which copies
its memory and mappings and releases them at the end."""
_END_SECONDS = 1.0
_TMP = "/tmp"
READY = b'{"ready":true}'


class Settings(NamedTuple):
    """What the grader decided when it chose the tier: see `command` in isolation.py."""

    control: int
    user: int | None  # give up root and become this user and group
    own_flags: int  # namespaces of the server; 0: none but bubblewrap's
    clone_flags: int  # namespaces of each program; 0: none
    landlock: bool
    seccomp: bool
    own_root: bool  # a program sees no files of the host
    binds: list[
        tuple[str, str]
    ]  # what the server makes its root of; none: it has one, or the host's
    links: list[tuple[str, str]]
    readable: list[str]
    packages: str | None  # folder with the packages from outside the standard library
    contest: bool  # prepare LiveCodeBench's prelude
    numpy: bool  # import NumPy beforehand
    private_tmp: bool  # /tmp is the server's own and emptied after each program
    temporary: int  # its bytes
    memory: int  # bytes of address space of a program
    processes: int | None  # of a program, threads included; None: unlimited


def main(text: str) -> None:
    """Serve until the control socket closes."""
    settings = Settings(**json.loads(text))
    _settle(settings)
    _warm_up(settings)
    control = _socket.socket(fileno=settings.control)
    confined = keeper.Confinement()
    threads = None
    if settings.seccomp and not settings.clone_flags:
        from .threads import CONTROLS, Threads  # only here: a module more costs every fork

        threads = Threads(filters.thread_filter(), most=settings.processes or sys.maxsize)
        settings = settings._replace(processes=None)
    if settings.seccomp:
        confine.apply_seccomp(filters.server_filter(controls=CONTROLS if threads else ()))
        confined.seccomp, confined.first = (
            filters.program_filter(first=first, metadata=settings.own_root)
            for first in (False, bool(settings.clone_flags))
        )
    if settings.private_tmp and settings.landlock:
        confined.ruleset = _ruleset(settings, _TMP)
    confine.limit_resources(memory=settings.memory, file_bytes=settings.temporary)
    fresh.to_null(0, 1, 2)  # programs find sys.stdin, stdout and stderr on these
    server = _Server(settings, control, confined, threads)
    server.start()
    server.report(_facts())
    while True:
        order = _next_order(control, threads)
        if order == b"s":
            write_json(settings.control, _size())
        elif order:
            server.end(order)
        else:
            server.leave()


def _next_order(control: _socket.socket, threads: "Threads | None") -> bytes:
    """Return what the grader wants next, nothing if it is gone. Until then threads are counted."""
    if threads is not None:
        poll = select.poll()
        for fd in (control.fileno(), threads.fd):
            poll.register(fd, select.POLLIN)
        while control.fileno() not in (ready := dict(poll.poll())):
            if ready:
                threads.answer()
    return control.recv(1)


def _settle(settings: Settings) -> None:
    if settings.user is not None:
        os.setgroups([])
        os.setresgid(settings.user, settings.user, settings.user)
        os.setresuid(settings.user, settings.user, settings.user)
    if settings.seccomp and os.getuid() == 0:
        raise SystemExit("programs would run as root")
    root.keep_proc()
    # Needed to write the maps of a new user namespace, which then protects the server.
    confine.dumpable(bool(settings.clone_flags))
    if settings.own_flags:
        user = os.getuid(), os.getgid()  # a new namespace shows 65534 until mapped
        confine.unshare(settings.own_flags)
        root.map_own_user(*user)
    # Once for all programs: to end a mount namespace the kernel waits for all processors, on a busy
    # machine longer than most programs run.
    if settings.binds:
        root.enter(root.Root(settings.binds, settings.links))
        sys.modules[__package__].__path__[:] = ["/sfr/inside"]  # for what is imported later
    elif settings.own_root:
        root.hide_proc()
    if settings.private_tmp:
        root.mount_tmp(settings.temporary)
        os.chdir(_TMP)
    if settings.seccomp or settings.landlock:
        confine.no_new_privileges()
        confine.drop_capabilities()


def _warm_up(settings: Settings) -> None:
    import site

    site.setquit()
    site.setcopyright()
    site.sethelper()
    for name in _PRELOAD.split():
        importlib.import_module(name)
    if settings.packages is not None:
        sys.path.append(settings.packages)
    if settings.numpy:
        numpy = importlib.import_module("numpy")
        numpy.random.seed(0)
    if settings.contest:
        from . import compat, prelude  # noqa: F401  compat: preloaded for the programs

        prelude.prepare()
    fresh.prepare()
    gc.collect()
    gc.freeze()  # or the collector would touch, and thereby copy, pages in every fork


def _facts() -> dict[str, Any]:
    lines = root.read_proc("self/status").splitlines()
    status = dict(line.split(":\t", 1) for line in lines if ":\t" in line)
    return {
        "python": sys.version.split()[0],
        "capabilities": int(status["CapEff"], 16),
        "no_new_privileges": int(status.get("NoNewPrivs", "0")),
        "user": os.getuid(),
        "landlock": confine.landlock_abi(),
        "numpy": "numpy" in sys.modules,
    }


def _size() -> dict[str, int]:
    pages = int(root.read_proc("self/statm").split()[1])
    return {"memory": pages * resource.getpagesize(), "files": len(root.list_proc("self/fd"))}


class _Server:
    """The running program, and the standby process for the next one."""

    def __init__(
        self,
        settings: Settings,
        control: _socket.socket,
        confined: keeper.Confinement,
        threads: "Threads | None",
    ) -> None:
        self._settings, self._control, self._confined = settings, control, confined
        self._threads = threads
        self._user = os.getuid(), os.getgid()  # a new namespace shows 65534 until mapped
        self._running: tuple[int, str] = (0, "")
        self._ready: tuple[int, str, int] = (0, "", -1)

    def start(self) -> None:
        """Make the first standby process. Not in `__init__`: how Python calls that would count in
        the depth of the program's recursion."""
        self._ready = self._stand_by()

    def report(self, facts: dict[str, Any]) -> None:
        """Send a report with the standby process's wire, then make the next standby process. The
        latter costs no time if a second core is idle."""
        pid, folder, wire = self._ready
        rights = (_socket.SOL_SOCKET, _socket.SCM_RIGHTS, wire.to_bytes(4, sys.byteorder))
        self._control.sendmsg([json_frame(facts)], [rights])
        os.close(wire)
        self._running = pid, folder
        self._ready = self._stand_by()

    def end(self, order: bytes) -> None:
        """End the program and report on it. t lets the keeper end it and count its CPU time, w
        waits for a program that is ending, k kills, l kills a program that is late and reports how
        long it had no core."""
        pid, folder = self._running
        delay = keeper.waited(pid) if order == b"l" else None
        if order == b"t":
            os.kill(pid, signal.SIGTERM)
        if order in (b"t", b"w"):
            _wait(pid, seconds=_END_SECONDS)
        os.kill(pid, signal.SIGKILL)
        _, status, usage = os.wait4(pid, 0)
        facts = {**keeper.ending(status, usage), "waited": delay}
        try:
            _clean(self._settings, pid, folder)
        except OSError:
            write_json(self._settings.control, facts)  # no wire: it takes no more programs
            self.leave()
        self.report(facts)

    def leave(self) -> NoReturn:
        """End the server, because the grader is gone or is to start another."""
        for pid, folder in (self._running, self._ready[:2]):
            try:
                os.kill(pid, signal.SIGKILL)
                os.waitpid(pid, 0)
                _clean(self._settings, pid, folder)
            except OSError:
                pass  # already reaped, or its files go with the server's /tmp
        os._exit(0)

    def _stand_by(self) -> tuple[int, str, int]:
        """Make a process; returns its id, its folder and the grader's end of its wire."""
        settings = self._settings
        folder = _TMP if settings.private_tmp else _new_folder()
        theirs, wire = _socket.socketpair()
        pid = confine.clone(settings.clone_flags)
        if pid == 0:
            try:
                self._control.close()
                theirs.close()
                if self._threads is not None:
                    os.close(self._threads.fd)
                _keep(settings, wire.fileno(), folder, self._confined, self._user)
            finally:
                os._exit(0)
        wire.close()
        return pid, folder, theirs.detach()


def _clean(settings: Settings, pid: int, folder: str) -> None:
    """Remove what a dead program has left."""
    if not settings.clone_flags:  # no namespace whose end would kill its other processes
        with contextlib.suppress(ProcessLookupError):
            os.killpg(pid, signal.SIGKILL)
    keeper.empty(folder)
    if not settings.private_tmp:
        os.rmdir(folder)


def _new_folder() -> str:
    import tempfile  # only if programs have no /tmp of their own

    return tempfile.mkdtemp(prefix="sfr-eval-")


def _wait(pid: int, *, seconds: float) -> None:
    process = os.pidfd_open(pid)
    poll = select.poll()
    poll.register(process, select.POLLIN)
    poll.poll(seconds * 1000)
    os.close(process)


def _keep(
    settings: Settings, wire: int, folder: str, confined: keeper.Confinement, user: tuple[int, int]
) -> None:
    """The whole life of process 1 of a program's namespace. In faithful mode it keeps the processes
    of the tests; otherwise it becomes the program itself, which saves a fork. The kernel does not
    deliver signals that process 1 sends to itself, so the filter kills it for sending them."""
    problem = ""
    try:
        _prepare(settings, folder, confined, user)
    except OSError as error:
        problem = str(error)
    body = read_frame(wire)
    if not body:
        return
    job = marshal.loads(body)  # from the grader, which runs this same Python
    keeps = job["how"].startswith("faithful")
    try:
        confine.limit_program(processes=settings.processes, cpu_seconds=job["cpu_seconds"])
        if keeps:
            keeper.listen()
        else:
            confined.enter(first=True)
    except OSError as error:
        problem = problem or str(error)
    if problem:
        write_json(wire, {"infrastructure": problem})
        return
    write_frame(wire, READY)  # the program itself may write what follows
    if keeps:
        keeper.supervise(job, wire, folder, confined)
    if job["how"].startswith("compat"):
        from . import compat

        compat.run(job, wire)
    else:
        asserts.run(job, wire)


def _prepare(
    settings: Settings, folder: str, confined: keeper.Confinement, user: tuple[int, int]
) -> None:
    """Set the user, the session, the folder, no capabilities, and the Landlock ruleset if it is per
    program."""
    if settings.clone_flags:
        root.map_own_user(*user)
    # A signal to its group must not reach the server: before Landlock's version 6 nothing else
    # stops it, not even a namespace.
    os.setsid()
    confine.die_with_parent()
    if not settings.private_tmp:  # otherwise the server is already there
        os.chdir(folder)
    if settings.seccomp or settings.landlock:
        confine.drop_capabilities()
    confine.dumpable(False)
    if settings.landlock and confined.ruleset is None:
        confined.ruleset = _ruleset(settings, folder)


def _ruleset(settings: Settings, writable: str) -> int:
    """Return the ruleset of a program. A folder on the host's disk is read-only: nothing else could
    limit what it holds."""
    if settings.private_tmp:
        return confine.landlock_ruleset(read=settings.readable, write=[writable, "/dev/null"])
    return confine.landlock_ruleset(read=[*settings.readable, writable], write=["/dev/null"])
