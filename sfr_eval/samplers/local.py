"""Draws with several engines on this machine, each in a process of its own (samplers/pool.py).

Each replica sees only its GPUs. A process answers one call at a time over a pair of sockets; one
that loses its parent, however that died, is killed together with its engine (samplers/reaper.py).
"""

import os
import socket
import subprocess
import sys
import tempfile
import traceback
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from multiprocessing.connection import Connection, wait
from typing import Any

from sfr_eval.errors import UserError
from sfr_eval.samplers.pool import ActorLost, ReplicaPool
from sfr_eval.samplers.reaper import Reaper
from sfr_eval.samplers.replica import Replica
from sfr_eval.types import Request, Sampler
from sfr_eval.util import output

_CLOSE_SECONDS = 10.0


class LocalSampler(ReplicaPool):
    """See `sfr_eval.types.Sampler`. `build` builds the engine in a replica; it is pickled."""

    def __init__(
        self,
        build: Callable[[], Sampler],
        *,
        replicas: int,
        gpus_per_replica: int = 0,
        timeout_seconds: float = 600.0,
    ) -> None:
        environments = (
            gpu_shares(visible_gpus(), replicas=replicas, each=gpus_per_replica)
            if gpus_per_replica
            else [core_share(replicas)] * replicas
        )
        place = _Machine(build, environments)
        super().__init__(place, replicas=replicas, timeout_seconds=timeout_seconds)


def visible_gpus() -> list[str]:
    """Return the names of the GPUs that this process may use."""
    import torch

    named = os.environ.get("CUDA_VISIBLE_DEVICES")
    count = torch.cuda.device_count()
    return (
        [part.strip() for part in named.split(",")][:count] if named else [*map(str, range(count))]
    )


def gpu_shares(gpus: Sequence[str], *, replicas: int, each: int) -> list[dict[str, str]]:
    """Return the environment of each replica. Raises UserError if there are too few GPUs."""
    if len(gpus) < replicas * each:
        raise UserError(
            f"--replicas {replicas}: needs {replicas * each} GPUs ({each} for each replica), and "
            f"this machine shows {len(gpus)}"
        )
    return [
        {"CUDA_VISIBLE_DEVICES": ",".join(gpus[number * each : (number + 1) * each])}
        for number in range(replicas)
    ]


def core_share(replicas: int) -> dict[str, str]:
    """Return the environment of a replica on CPU, unless the user's own says otherwise."""
    share = {
        "OMP_NUM_THREADS": str(max(1, (os.cpu_count() or 1) // replicas)),
        "VLLM_CPU_OMP_THREADS_BIND": "nobind",  # else all are bound to the same cores
        "VLLM_CPU_KVCACHE_SPACE": str(max(1, 4 // replicas)),
    }
    return {name: value for name, value in share.items() if name not in os.environ}


class _Process:
    """One replica. It is its own token, since it has at most one call open."""

    def __init__(self, build: Callable[[], Sampler], environment: Mapping[str, str]) -> None:
        ours, theirs = socket.socketpair()
        shown = output.verbose()
        self._output = tempfile.TemporaryFile()  # noqa: SIM115 (lives with the process)
        with theirs:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "sfr_eval.samplers.local", str(theirs.fileno())],
                pass_fds=[theirs.fileno()],
                stdin=subprocess.DEVNULL,
                stdout=None if shown else self._output,
                stderr=None if shown else self._output,
                env={**os.environ, **environment, "PYTHONPATH": os.pathsep.join(sys.path)},
                start_new_session=True,  # Ctrl-C is ours
            )
        self._reaper = Reaper([self.process.pid])
        self.connection = Connection(ours.detach())
        self.send(build)

    def send(self, message: Any) -> "_Process":
        with suppress(OSError):  # it is dead, as the next read tells
            self.connection.send(message)
        return self

    def death(self) -> str:
        """Say how it ended."""
        code = self.process.wait()
        self._output.seek(0)
        lines = self._output.read().decode(errors="replace").split("\n")
        last = next((line.strip() for line in reversed(lines) if line.strip()), "")
        return f"its process ended with code {code}{f': {last[:200]}' if code > 0 and last else ''}"

    def close(self, *, at_once: bool) -> None:
        """End the process, and its engine with it."""
        self.connection.close()  # which asks it to end
        try:
            self.process.wait(0 if at_once else _CLOSE_SECONDS)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self._reaper.release()
        self._output.close()


class _Machine:
    """See `sfr_eval.samplers.pool.Place`."""

    option, room = "--replicas", "a process"

    def __init__(
        self, build: Callable[[], Sampler], environments: Sequence[Mapping[str, str]]
    ) -> None:
        self._build, self._environments = build, environments

    def new_actor(self, number: int) -> Any:
        return _Process(self._build, self._environments[number])

    def hello(self, actor: Any) -> Any:
        return actor.send(("hello", (), {}))

    def start(self, actor: Any) -> Any:
        return actor.send(("start", (), {}))

    def exchange(self, actor: Any, requests: Sequence[Request], *, seconds: float) -> Any:
        return actor.send(("exchange", (requests,), {"seconds": seconds}))

    def wait(self, tokens: Sequence[Any], *, seconds: float) -> Sequence[Any]:
        ready = set(wait([token.connection for token in tokens], seconds))
        return [token for token in tokens if token.connection in ready]

    def message(self, token: Any) -> Any:
        try:
            return token.connection.recv()
        except (EOFError, OSError):
            raise ActorLost(token.death()) from None

    def kill(self, actor: Any) -> None:
        actor.close(at_once=False)

    def facts(self, *, replicas: int, hosts: Sequence[str], lost: int) -> Mapping[str, Any]:
        return {"replicas": {"count": replicas, "lost": lost}}

    def close(self) -> None:
        pass


def serve(connection: Connection) -> None:
    """Answer calls until the other end is closed; the engine ends with this process."""
    replica = Replica(connection.recv(), {})
    while True:
        try:
            name, arguments, options = connection.recv()
        except (EOFError, OSError):
            return
        message = getattr(replica, name)(*arguments, **options)
        try:
            connection.send(message)
        except OSError:
            return


if __name__ == "__main__":
    code = 1
    try:
        serve(Connection(int(sys.argv[1])))
        code = 0
    finally:
        if code:
            traceback.print_exc()
        os._exit(code)  # the engine's thread may be in the middle of a step
