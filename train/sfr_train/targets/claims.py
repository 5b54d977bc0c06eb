"""Who works on what: several processes, on any number of nodes, share work through a folder.

    claims/<name>.<n>       token of the worker that has claimed a piece of work; highest n counts
    workers/<token>/beat    who that is; its time stamp is renewed every five seconds
    workers/<token>/token   what its claims say: they are links to it, so they are never half there
    workers/<token>/...     its unfinished files, renamed to their place once they are whole

A claim is a file that only one process can create, which holds on NFS, too; no lock of the
operating system is needed. A token tells machine and process, so that a worker that was killed is
known whatever it had written. A worker is gone if its folder is, if its process was on this machine
and has ended, or if its beat stands still for two minutes; its work may then be claimed with the
next n.
Claims only save work: a piece that is done twice is written twice with the same content.
"""

import hashlib
import json
import os
import re
import secrets
import shutil
import socket
import threading
import time
from collections.abc import Callable, Collection, Iterator, Mapping, Set
from contextlib import contextmanager, nullcontext, suppress
from pathlib import Path
from typing import Any, Self

from sfr_eval.util.progress import Bar

_BEAT = 5.0  # seconds
_GONE = 120.0  # seconds without a beat; NFS may show a time stamp a minute late
_TOKEN = re.compile(r"([0-9a-f]{8})-(\d+)-(\d*)-[0-9a-f]{16}")
_POLLS = (0.02, 2.0)  # seconds, doubled from first to last while nothing happens


class Worker:
    """This process among those that share a folder, while the block lasts."""

    def __init__(self, folder: Path) -> None:
        self._claims, self._workers = folder / "claims", folder / "workers"
        pid = os.getpid()
        self.token = f"{_machine_id()}-{pid}-{_born(pid)}-{secrets.token_hex(8)}"
        self._home = self._workers / self.token
        self._stamps: dict[str, tuple[int, float]] = {}  # name -> time stamp, when first seen
        self._ended = threading.Event()

    def __enter__(self) -> Self:
        self._claims.mkdir(parents=True, exist_ok=True)
        self._home.mkdir(parents=True)
        beat = self._home / "beat"
        beat.write_text(json.dumps({**_machine(), "pid": os.getpid()}))
        (self._home / "token").write_text(self.token)
        threading.Thread(target=self._renew, args=(beat,), daemon=True).start()
        self._clear_away()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        shutil.rmtree(self._home, ignore_errors=True)

    def _renew(self, beat: Path) -> None:
        while not self._ended.wait(_BEAT):
            try:
                os.utime(beat)
            except OSError:
                continue  # a server that is away for a moment

    @contextmanager
    def file(self, place: Path) -> Iterator[Path]:
        """Yield a path to write to, which becomes `place` when the block ends and is on the disk
        as a whole or not at all."""
        self._home.mkdir(exist_ok=True)  # another took us for gone
        scratch = self._home / secrets.token_hex(8)
        try:
            yield scratch
            with scratch.open("rb") as stream:
                os.fsync(stream.fileno())
            scratch.replace(place)
        finally:
            scratch.unlink(missing_ok=True)

    def claim(self, name: str) -> bool:
        """Claim a piece of work. Returns False if another worker has it."""
        number, token = self._last_claim(name)
        if token is not None and self._holds(f"{name}.{number}", token):
            return False
        try:
            self._put(self._claims / f"{name}.{number + 1}")
        except FileExistsError:  # another's; or ours, if the first answer of a server was lost
            return self._last_claim(name)[1] == self.token
        return True

    def _put(self, claim: Path) -> None:
        try:
            os.link(self._home / "token", claim)
        except FileExistsError:
            raise
        except OSError:  # a file system without links, or another worker took us for gone
            with claim.open("x") as stream:
                stream.write(self.token)

    def release(self, name: str) -> None:
        """Give a claim back, and remove those of workers that are gone."""
        for file in self._claims.glob(f"{name}.*"):
            file.unlink(missing_ok=True)

    def sweep(self, names: Collection[str]) -> None:
        """Remove what is left of claims on finished work."""
        for file in self._claims.iterdir():
            if file.stem in names:
                file.unlink(missing_ok=True)

    def clear_up(self, prefix: str) -> None:
        """Remove what killed workers left, and claims on finished work, whose names begin so. The
        folder may be read-only."""
        with suppress(OSError):
            for file in self._claims.glob(f"{prefix}*"):
                file.unlink(missing_ok=True)
            self._clear_away()

    def _clear_away(self) -> None:
        for folder in self._workers.glob("*"):
            self.is_alive(folder.name)  # removes that of a worker that was killed here

    def holder(self, name: str) -> str:
        """Return who has claimed a piece of work, as `process 123 on node1`; "" if nobody has."""
        token = self._last_claim(name)[1]
        try:
            beat = json.loads((self._workers / str(token) / "beat").read_text())
        except (OSError, ValueError):
            return ""
        return f"process {beat['pid']} on {beat['host']}"

    def _last_claim(self, name: str) -> tuple[int, str | None]:
        numbers = [int(file.suffix[1:]) for file in self._claims.glob(f"{name}.*")]
        number = max(numbers, default=-1)
        try:
            token = (self._claims / f"{name}.{number}").read_text() if numbers else None
        except FileNotFoundError:
            token = None  # released since
        return number, token

    def _holds(self, claim: str, token: str) -> bool:
        """Return whether a claim is held. Its token may not be written yet, or never will be."""
        return self.is_alive(token) if token else self._moves(claim, 0)

    def is_alive(self, token: str) -> bool:
        """Return whether a worker still works, as far as can be seen from here."""
        if token == self.token:
            return True
        told = _TOKEN.fullmatch(token)
        if told and told[1] == _machine_id() and _born(int(told[2])) != told[3]:
            shutil.rmtree(self._workers / token, ignore_errors=True)
            return False
        try:
            with (self._workers / token / "beat").open() as stream:  # opening asks the server
                stamp = os.fstat(stream.fileno()).st_mtime_ns
        except (FileNotFoundError, NotADirectoryError):
            return False
        return self._moves(token, stamp)

    def _moves(self, name: str, stamp: int) -> bool:
        """Return whether a time stamp was another within the last two minutes, as far as seen."""
        now = time.monotonic()
        last, since = self._stamps.get(name, (None, now))
        if last != stamp:
            self._stamps[name] = (stamp, now)
            return True
        return now - since < _GONE


def share(
    sizes: Mapping[str, int],
    worker: Worker,
    *,
    done: Callable[[], Set[str]],
    work: Callable[[str], None],
    title: str,
    unit: str,
) -> None:
    """Return when all pieces of work are done, by this worker or others.

    sizes: of each piece by name, in `unit`, for a bar, which also says who is waited for. done: the
    names of finished pieces among all, perhaps not yet all that others have finished: `work` is
    called under a claim and looks again.
    """
    pending, pause, label = dict(sizes), _POLLS[0], title
    with _bar(title, sum(sizes.values()), unit=unit) as bar:
        while True:
            finished = done()
            pending = {name: size for name, size in pending.items() if name not in finished}
            bar.update(bar.total - sum(pending.values()), title=label)
            if not pending:
                return
            mine = next((name for name in pending if worker.claim(name)), None)
            if mine is None:
                holder = worker.holder(next(iter(pending))) or "another process"
                label = f"{title} (waiting for {holder})"
                bar.update(bar.done, title=label)
                time.sleep(pause)
                pause = min(2 * pause, _POLLS[1])
                continue
            pause, label = _POLLS[0], title
            bar.update(bar.done, title=label)
            try:
                work(mine)
            finally:
                worker.release(mine)


@contextmanager
def _bar(title: str, total: int, *, unit: str) -> Iterator[Any]:
    """Open a bar, in one process of a node."""
    bar = Bar(title, total, unit=unit, brief=True)
    with bar if is_speaker() else nullcontext():
        yield bar


def is_speaker() -> bool:
    """Return whether this is the process of its node that tells the user."""
    return os.environ.get("LOCAL_RANK", "0") == "0"


def _machine() -> dict[str, str | int]:
    """Identify where a process number means something: host, boot and namespace."""
    boot, space = Path("/proc/sys/kernel/random/boot_id"), Path("/proc/self/ns/pid")
    return {
        "host": socket.gethostname(),
        "boot": boot.read_text().strip() if boot.is_file() else "",
        "space": space.stat().st_ino if space.exists() else 0,
    }


def _machine_id() -> str:
    return hashlib.sha256(json.dumps(_machine()).encode()).hexdigest()[:8]


def _born(pid: int) -> str:
    """Return when a process began, in ticks; "" if it has ended, or if the system does not say."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return ""
    return "" if fields[0] in "ZX" else fields[19]  # ended, and not yet waited for
