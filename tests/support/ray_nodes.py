"""Ray nodes of a test's own on this machine: each with its ports, its object store, one core."""

import contextlib
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from tests.support.fault_runs import PATIENCE

AUTHENTICATION = {name: os.environ[name] for name in ("RAY_AUTH_MODE", "RAY_AUTH_TOKEN")}
"""A driver must have these before it imports ray; tests/conftest.py sets them."""
_ROOT = Path(__file__).parents[2]
_PORTS = (
    *("object-manager-port", "node-manager-port", "metrics-export-port"),
    *("dashboard-agent-listen-port", "dashboard-agent-grpc-port", "runtime-env-agent-port"),
)


@dataclass
class Nodes:
    """A cluster. The head comes first and keeps the books: without it a cluster is lost."""

    folder: Path  # for what the nodes print
    address: str
    processes: list[subprocess.Popen[bytes]] = field(default_factory=list)

    def add(self, *, cpus: int = 1) -> None:
        """Start another node and wait until it has joined."""
        if not self.processes:
            port = self.address.rpartition(":")[2]
            role = ["--head", "--port", port, "--include-dashboard=false"]
        else:
            role = ["--address", self.address]
        number = len(self.processes)
        log = self.folder / f"node-{number}.log"
        until = time.monotonic() + PATIENCE
        while True:
            process = _start(role, cpus=cpus, log=log)
            self.processes[number:] = [process]
            while process.poll() is None and b"Ray runtime started" not in log.read_bytes():
                assert time.monotonic() < until, log.read_text()
                time.sleep(0.2)
            if process.poll() is None:
                return
            # Ray gives its helpers 15 s to start, which is too little on a busy machine: again.
            _kill(left_over(process.pid))

    def kill(self, number: int) -> None:
        """SIGKILL to a node and to all that runs on it, as when a machine is lost."""
        _kill(members(self.processes[number].pid))
        self.processes[number].wait(timeout=PATIENCE)


@contextmanager
def ray_nodes(count: int, folder: Path) -> Iterator[Nodes]:
    """A head and `count` - 1 further nodes, one core each."""
    folder.mkdir(parents=True, exist_ok=True)
    nodes = Nodes(folder, f"127.0.0.1:{_free_ports(1)[0]}")
    try:
        for _ in range(count):
            nodes.add()
        yield nodes
    finally:
        for number, process in enumerate(nodes.processes):
            if process.poll() is None:
                nodes.kill(number)


def left_over(session: int) -> set[int]:
    """Processes of a session whose leader is gone."""
    found = set()
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        try:
            fields = (entry / "stat").read_text().rpartition(")")[2].split()
        except (FileNotFoundError, ProcessLookupError):
            continue
        if fields[0] != "Z" and int(fields[3]) == session:
            found.add(int(entry.name))
    return found


def _kill(pids: set[int]) -> None:
    for pid in sorted(pids):
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


def members(root: int) -> set[int]:
    """A process and all below it, zombies left out."""
    parents: dict[int, list[int]] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                state, parent = (entry / "stat").read_text().rpartition(")")[2].split()[:2]
            except (FileNotFoundError, ProcessLookupError):
                continue
            if state != "Z":
                parents.setdefault(int(parent), []).append(int(entry.name))
    found, left = set(), [root]
    while left:
        pid = left.pop()
        found.add(pid)
        left += parents.get(pid, [])
    return found


def _start(role: list[str], *, cpus: int, log: Path) -> subprocess.Popen[bytes]:
    ports = [
        f"--{name}={port}" for name, port in zip(_PORTS, _free_ports(len(_PORTS)), strict=True)
    ]
    with log.open("wb") as stream:
        return subprocess.Popen(
            [
                *(sys.executable, "-m", "ray.scripts.scripts", "start", "--block", *role, *ports),
                *("--node-ip-address=127.0.0.1", f"--num-cpus={cpus}"),
                *("--object-store-memory=80000000", "--include-log-monitor=false"),
            ],
            stdout=stream,
            stderr=subprocess.STDOUT,
            env=node_environment(),
            start_new_session=True,
        )


def node_environment() -> dict[str, str]:
    """Workers have the environment of their node, not that of the driver."""
    paths = [
        str(_ROOT),
        str(_ROOT / "train"),
        os.environ.get("PYTHONPATH", ""),
    ]
    return {
        **os.environ,
        **AUTHENTICATION,
        "PYTHONPATH": os.pathsep.join(filter(None, paths)),
        "RAY_USAGE_STATS_ENABLED": "0",
        "RAY_raylet_start_wait_time_s": "60",
        "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",
    }


def _free_ports(count: int) -> list[int]:
    sockets = [socket.socket() for _ in range(count)]
    try:
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        return [int(each.getsockname()[1]) for each in sockets]
    finally:
        for each in sockets:
            each.close()
