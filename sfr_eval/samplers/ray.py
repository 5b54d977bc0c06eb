"""Many engines on a Ray cluster, each a long-lived actor; this process alone writes.

An actor is built once for the whole run. It always answers within a moment (samplers/replica.py),
so one that does not, or whose engine makes no step, is stopped like one that died: its requests go
back to the queue (samplers/backlog.py) and another actor takes its place, on whichever node has
room. The seed is in the request, so it does not matter who draws it.
"""

import logging
import os
import signal
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from sfr_eval.errors import RunError, UserError
from sfr_eval.progress import log
from sfr_eval.samplers.backlog import Backlog
from sfr_eval.samplers.interrupts import ctrl_c_is_ours
from sfr_eval.samplers.replica import Failure, Replica, Rows, Started
from sfr_eval.types import Request, Sample, Sampler

IN_FLIGHT = 1_280
"""Most requests at one actor: vLLM's own window on a GPU, and some on the way there."""
_EXCHANGE_SECONDS = 0.2
_STARTS = 3  # in a row that may fail before a replica is given up
_START_SECONDS = 1_800.0  # for weights to be downloaded and loaded
_OBJECT_STORE = 100_000_000  # bytes, of a cluster of our own: rows are small


@dataclass(frozen=True, kw_only=True)
class Resources:
    """What a replica needs of its node."""

    cpus: int
    gpus: int

    def __str__(self) -> str:
        return f"{self.gpus} GPU" if self.gpus else f"{self.cpus} CPU"


@dataclass
class _Slot:
    """One of the replicas, whichever actor holds its place at the moment."""

    number: int
    actor: Any = None
    reply: Any = None  # what the actor is doing: a start or an exchange
    ready: bool = False
    flying: dict[str, Request] = field(default_factory=dict)
    closed: bool = False  # a cohort flies: nothing is added to it
    beat: int = -1
    heard: float = 0.0  # when it last answered, and its engine had gone on
    failed_starts: int = 0
    given_up: bool = False


class RaySampler:
    """See `sfr_eval.types.Sampler`. `build` makes the engine inside an actor; it is pickled, and
    `sfr_eval` must be installed on every node.

    `timeout_seconds`: an actor that does not answer, or whose engine stands still, for so long is
    replaced; and so long is waited for a cluster to have room for the first replica.
    """

    def __init__(
        self,
        build: Callable[[], Sampler],
        *,
        replicas: int | None,
        gpus_per_replica: int = 0,
        address: str | None = None,
        timeout_seconds: float = 600.0,
    ) -> None:
        self._build = build
        self._timeout = timeout_seconds
        self._lost = 0
        self._facts: Mapping[str, Any] = {}
        self._hosts: set[str] = set()
        self._connect(address, replicas=replicas, gpus=gpus_per_replica)
        try:
            replicas, self._resources = plan_replicas(
                self._nodes(), replicas=replicas, gpus=gpus_per_replica
            )
            self._slots = [_Slot(number) for number in range(replicas)]
            self._wait_for_first()
        except BaseException:
            self.close()
            raise

    def describe(self) -> Mapping[str, Any]:
        """What one replica says of its engine, and how many there were, where, and how many died."""
        import ray

        of_ray = {"version": ray.__version__, "replicas": len(self._slots)}
        return {
            **self._facts,
            "ray": {**of_ray, "hosts": sorted(self._hosts), "replicas_lost": self._lost},
        }

    def sample(self, requests: Iterable[Request]) -> Iterator[Sample]:
        """Yield samples as they come."""
        import ray

        asked = list(requests)
        backlog = Backlog(asked)
        # A share for everybody, and something left over for those that are done first.
        most = max(1, min(IN_FLIGHT, len(asked) // (2 * len(self._slots))))
        quiet_since = time.monotonic()
        try:
            while backlog or any(slot.flying for slot in self._slots):
                for slot in self._slots:
                    self._keep_going(slot, backlog, most)
                replies = {slot.reply: slot for slot in self._slots if slot.reply is not None}
                done, _ = ray.wait(list(replies), num_returns=1, timeout=1.0)
                for reply in done:
                    yield from self._answered(replies[reply], backlog)
                for slot in self._slots:
                    if why := self._stuck(slot):
                        yield from self._lose(slot, backlog, why)
                if any(slot.ready for slot in self._slots):
                    quiet_since = time.monotonic()
                self._check_hope(quiet_since)
        finally:
            for slot in self._slots:
                if slot.flying:  # an abandoned call: what they still do is for nobody
                    self._drop(slot)

    def close(self) -> None:
        """Stop the actors; leave a cluster that others started, and stop one of our own."""
        import ray

        if not ray.is_initialized():
            return
        for slot in getattr(self, "_slots", []):
            self._drop(slot)
        ray.shutdown()

    def _connect(self, address: str | None, *, replicas: int | None, gpus: int) -> None:
        for name, value in _ENVIRONMENT.items():
            os.environ.setdefault(name, value)
        import ray

        address = address or os.environ.get("RAY_ADDRESS") or "local"
        own: dict[str, Any] = {}
        if address == "local":
            own = {
                "include_dashboard": False,
                "object_store_memory": _OBJECT_STORE,
                "_node_ip_address": "127.0.0.1",
            }
            if not gpus:
                own["num_cpus"] = max(replicas or 1, os.cpu_count() or 1)
        before = signal.getsignal(signal.SIGTERM)  # Ray puts its own there
        try:
            with ctrl_c_is_ours():
                ray.init(address=address, logging_level=logging.ERROR, **own)
        except (ConnectionError, RuntimeError, ValueError) as error:
            raise RunError(
                f"--ray-address {address}: no Ray cluster can be reached ({_brief(error)}); "
                "start one with `ray start --head`, or leave the option out"
            ) from error
        finally:
            if before is not None:
                signal.signal(signal.SIGTERM, before)

    def _nodes(self) -> list[Mapping[str, float]]:
        import ray

        return [node["Resources"] for node in ray.nodes() if node["Alive"]]

    def _wait_for_first(self) -> None:
        """Until one replica can draw; the others join when they are ready."""
        import ray

        since = time.monotonic()
        nothing = Backlog(())
        while not any(slot.ready for slot in self._slots):
            for slot in self._slots:
                self._keep_going(slot, nothing, 0)
            replies = {slot.reply: slot for slot in self._slots if slot.reply is not None}
            done, _ = ray.wait(list(replies), num_returns=1, timeout=1.0)
            for reply in done:
                list(self._answered(replies[reply], nothing))
            for slot in self._slots:
                if why := self._stuck(slot):
                    list(self._lose(slot, nothing, why))
            self._check_hope(since)

    def _check_hope(self, since: float) -> None:
        """RunError when every replica is given up, or none has been placed for too long."""
        alive = [slot for slot in self._slots if not slot.given_up]
        if not alive:
            raise RunError(
                f"--engine ray: no replica can be started ({self._why}); finished samples are "
                "kept: repeat the same command to go on"
            )
        waiting = all(not slot.ready and slot.beat < 0 for slot in alive)
        if waiting and time.monotonic() - since > self._timeout:
            raise RunError(
                f"--engine ray: the cluster had no room for a replica ({self._resources}) within "
                f"{self._timeout:g} s; finished samples are kept: repeat the same command to go on"
            )

    def _keep_going(self, slot: _Slot, backlog: Backlog, most: int) -> None:
        """Give a slot its next step, if it has none."""
        if slot.given_up or slot.reply is not None:
            return
        now = time.monotonic()
        if slot.actor is None:
            slot.actor = self._new_actor()
            slot.reply, slot.ready, slot.beat, slot.heard = slot.actor.hello.remote(), False, -1, now
            return
        if not slot.ready:  # it has its place: build the engine
            slot.reply, slot.heard = slot.actor.start.remote(), now
            return
        requests: list[Request] = []
        if not slot.flying:
            requests = backlog.cohort()
            slot.closed = bool(requests)
        if not slot.closed:
            requests = backlog.fresh(most - len(slot.flying))
        if not requests and not slot.flying:
            return  # nothing to do now; a lost neighbour may bring something
        if not slot.flying:
            slot.heard = now
        slot.flying.update((request.sample_id, request) for request in requests)
        slot.reply = slot.actor.exchange.remote(requests, seconds=_EXCHANGE_SECONDS)

    def _new_actor(self) -> Any:
        import ray

        options = {
            "num_cpus": self._resources.cpus,
            "num_gpus": self._resources.gpus,
            "max_restarts": 0,
            "max_task_retries": 0,
            "scheduling_strategy": "SPREAD",
        }
        actor = ray.remote(Replica).options(**options)
        return actor.remote(self._build, dict(_ENVIRONMENT))

    def _answered(self, slot: _Slot, backlog: Backlog) -> Iterator[Sample]:
        """Deal with what a slot's actor said, or with its death."""
        import ray

        try:
            said = ray.get(slot.reply)
        except ray.exceptions.RayTaskError as error:
            raise RunError(f"--engine ray: a replica failed unexpectedly: {_brief(error)}") from error
        except ray.exceptions.RayError as error:
            if getattr(error, "preempted", False):  # the node was taken away, which is no one's fault
                backlog.returned(slot.flying.values())
                slot.flying = {}
            yield from self._lose(slot, backlog, _brief(error))
            return
        slot.reply = None
        now = time.monotonic()
        if isinstance(said, Failure):
            if said.usage:
                raise UserError(said.message)
            yield from self._lose(slot, backlog, said.message)
        elif isinstance(said, Started):
            self._check_facts(said)
            slot.ready, slot.heard, slot.failed_starts = True, now, 0
        elif isinstance(said, Rows):
            if said.beat != slot.beat:
                slot.beat, slot.heard = said.beat, now
            for row in said.rows:
                if slot.flying.pop(row.sample_id, None) is not None:
                    yield row
        else:  # hello: it has a place
            slot.beat, slot.heard = 0, now

    def _check_facts(self, said: Started) -> None:
        facts = {name: value for name, value in said.facts.items() if name != "restarts"}
        self._hosts.add(said.host)
        for name in {*facts, *self._facts} if self._facts else ():
            if facts.get(name) != self._facts.get(name):
                raise UserError(
                    f"--engine ray: replicas differ in {name} ({self._facts.get(name)}, and "
                    f"{facts.get(name)} on {said.host}); install the same everywhere"
                )
        self._facts = facts

    def _stuck(self, slot: _Slot) -> str:
        """Why a slot's actor is to be replaced; "" if it is well."""
        if slot.reply is None or slot.beat < 0:  # idle, or waiting for a place
            return ""
        silent = time.monotonic() - slot.heard
        if not slot.ready:
            limit = max(_START_SECONDS, self._timeout)
            return f"it did not start within {limit:g} s" if silent > limit else ""
        return f"it stood still for {self._timeout:g} s" if silent > self._timeout else ""

    def _lose(self, slot: _Slot, backlog: Backlog, why: str) -> Iterator[Sample]:
        """Replace the actor of a slot; its requests wait again, or are given up."""
        lost = list(slot.flying.values())
        self._lost += 1
        if not slot.ready:
            slot.failed_starts += 1
            slot.given_up = slot.failed_starts >= _STARTS
            self._why = why
        what = "is given up" if slot.given_up else f"is replaced, {len(lost):,} requests wait again"
        log(f"warning: replica {slot.number + 1} {what} ({why})")
        self._drop(slot)
        yield from backlog.lost(lost, why=why)

    def _drop(self, slot: _Slot) -> None:
        import ray

        if slot.actor is not None:
            ray.kill(slot.actor)
        slot.actor = slot.reply = None
        slot.ready, slot.closed, slot.beat, slot.flying = False, False, -1, {}


_ENVIRONMENT = {
    "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",  # what Ray 2.60 asks for in a warning
    "RAY_USAGE_STATS_ENABLED": "0",
    # Ray gives an actor its cores; vLLM would bind every replica of a node to the same ones.
    "VLLM_CPU_OMP_THREADS_BIND": "nobind",
}


def plan_replicas(
    nodes: Iterable[Mapping[str, float]], *, replicas: int | None, gpus: int
) -> tuple[int, Resources]:
    """How many replicas, and what each takes of its node. `gpus` 0: replicas on CPU, which share
    the cores; without a number one for each node. UserError where the cluster has too little."""
    resources = list(nodes)
    unit, each = ("GPU", gpus) if gpus else ("CPU", 1)
    units = [int(node.get(unit, 0)) for node in resources]
    room = sum(count // each for count in units)
    if gpus:
        wanted = replicas or room
    else:
        wanted = replicas or sum(count > 0 for count in units)
    if not wanted or room < wanted:
        raise UserError(
            f"--replicas {replicas or 1}: the cluster has room for {room} replicas of {each} {unit} "
            f"({len(resources)} nodes, {sum(units)} {unit}); take fewer or add nodes"
        )
    if gpus:
        return wanted, Resources(cpus=1, gpus=gpus)
    shared = next(n for n in range(max(units), 0, -1) if sum(c // n for c in units) >= wanted)
    return wanted, Resources(cpus=shared, gpus=0)


def _brief(error: BaseException) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return (lines[-1] if lines else type(error).__name__)[:300]
