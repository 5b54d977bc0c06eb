"""Connects to the Ray cluster of a run: an existing one, or one started for the run."""

import logging
import os
import signal
import socket
import threading
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sfr_eval.errors import UserError
from sfr_eval.util.interrupts import ctrl_c_is_ours
from sfr_eval.util.output import verbose

_OBJECT_STORE = 200_000_000  # bytes, for a cluster that we start: rows are small

ENVIRONMENT = {
    "RAY_NUM_REDIS_GET_RETRIES": "2",  # give up on a silent cluster after minutes, not twenty
    "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",  # what Ray 2.60 asks for in a warning
    "RAY_raylet_start_wait_time_s": "300",  # 30 is too little on a busy machine
    "RAY_agent_register_timeout_ms": "300000",
    "RAY_USAGE_STATS_ENABLED": "0",
}
ACTOR_ENVIRONMENT = {
    # Ray assigns cores to an actor; vLLM would bind every replica of a node to the same ones.
    "VLLM_CPU_OMP_THREADS_BIND": "nobind",
}


@dataclass(frozen=True, kw_only=True)
class Resources:
    """What a replica needs of its node."""

    cpus: int
    gpus: int

    def __str__(self) -> str:
        return f"{self.gpus} GPU" if self.gpus else f"{self.cpus} CPU"


def connect(address: str | None, *, cpus: int | None = None, gpus: bool = False) -> None:
    """Join the cluster at `address`, else at RAY_ADDRESS, else start one on this machine."""
    for name, value in ENVIRONMENT.items():
        os.environ.setdefault(name, value)
    if "RAY_AUTH_TOKEN" in os.environ or (Path.home() / ".ray" / "auth_token").exists():
        os.environ.setdefault("RAY_AUTH_MODE", "token")  # the rule of `ray start`
    import ray

    address = address or os.environ.get("RAY_ADDRESS") or "local"
    options: dict[str, Any] = {}
    if address == "local":
        options = {
            "include_dashboard": False,
            "object_store_memory": _OBJECT_STORE,
            "_node_ip_address": "127.0.0.1",
        }
        if not gpus:
            options["num_cpus"] = max(cpus or 1, os.cpu_count() or 1)
    elif ":" in address and not address.startswith("ray://"):
        _check_listening(address)
    # Ray installs a handler of its own, which would end a run without a word.
    in_main_thread = threading.current_thread() is threading.main_thread()
    handler = signal.getsignal(signal.SIGTERM) if in_main_thread else None
    try:
        with ctrl_c_is_ours():
            # Output of nodes and actors is shown on request; their errors arrive as messages.
            ray.init(
                address=address, logging_level=logging.ERROR, log_to_driver=verbose(), **options
            )
    except (ConnectionError, RuntimeError, ValueError, ray.exceptions.RayError) as error:
        raise UserError(
            f"--ray-address {address}: cannot reach a Ray cluster ({brief(error)}); "
            "start one with `ray start --head`, or omit the option"
        ) from error
    finally:
        if handler is not None:
            signal.signal(signal.SIGTERM, handler)


def disconnect() -> None:
    """Leave the cluster, and stop it if we started it. Safe to call twice."""
    import ray

    if ray.is_initialized():
        ray.shutdown()


def node_resources() -> list[Mapping[str, float]]:
    """Return the resources of each live node of the cluster: CPU, GPU, memory."""
    import ray

    nodes: list[dict[str, Any]] = ray.nodes()
    return [node["Resources"] for node in nodes if node["Alive"]]


def plan_replicas(
    nodes: Iterable[Mapping[str, float]], *, replicas: int | None, gpus: int
) -> tuple[int, Resources]:
    """Return how many replicas to start, and what each takes of its node. With `gpus` 0 they run on
    CPU and share the cores; without a number there is one for each node. Raises UserError if the
    cluster is too small."""
    resources = list(nodes)
    unit, each = ("GPU", gpus) if gpus else ("CPU", 1)
    units = [int(node.get(unit, 0)) for node in resources]
    room = sum(count // each for count in units)
    by_default = room if gpus else sum(count > 0 for count in units)
    wanted = replicas or by_default
    if not wanted or room < wanted:
        raise UserError(
            f"--replicas {wanted or 1}: the cluster has room for {room} of {each} {unit} "
            f"({len(resources)} nodes, {sum(units)} {unit}); use fewer or add nodes"
        )
    if gpus:
        return wanted, Resources(cpus=1, gpus=gpus)
    shared = next(n for n in range(max(units), 0, -1) if sum(c // n for c in units) >= wanted)
    return wanted, Resources(cpus=shared, gpus=0)


def _check_listening(address: str) -> None:
    """Raise UserError if nothing listens there; Ray itself would try for many minutes."""
    host, _, port = address.rpartition(":")
    try:
        socket.create_connection((host, int(port)), timeout=10).close()
    except (OSError, ValueError, OverflowError) as error:
        raise UserError(
            f"--ray-address {address}: nothing answers there ({error}); start a cluster with "
            "`ray start --head`, or omit the option"
        ) from None


def brief(error: BaseException) -> str:
    """Return what happened: the first sentence of the last line of one of Ray's long messages."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return (lines[-1].split(". ")[0] if lines else type(error).__name__)[:300]
