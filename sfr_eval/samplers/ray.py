"""Many engines on a Ray cluster, each a long-lived actor; this process alone writes.

An actor is built once for the whole run. It always answers within a moment (samplers/replica.py),
so one that does not, or whose engine makes no step, is stopped like one that died: its requests go
back to the queue (samplers/backlog.py) and another actor takes its place, on whichever node has
room. The seed is in the request, so it does not matter who draws it.
"""

import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from sfr_eval.errors import RunError, UserError
from sfr_eval.samplers.backlog import Backlog
from sfr_eval.samplers.replica import Failure, Replica, Rows, Started
from sfr_eval.types import Request, Sample, Sampler
from sfr_eval.util.progress import log
from sfr_eval.util.ray_cluster import (
    ACTOR_ENVIRONMENT,
    brief,
    connect,
    disconnect,
    node_resources,
    plan_replicas,
)

IN_FLIGHT = 1_280
"""Most requests at one actor: vLLM's own window on a GPU, and some on the way there."""
_EXCHANGE_SECONDS = 0.2
_STARTS = 3  # in a row that may fail before a replica is given up
_PLACE_SECONDS = 600.0  # for a cluster to make room, as when it starts machines
_START_SECONDS = 1_800.0  # for weights to be downloaded and loaded


@dataclass
class _Slot:
    """One of the replicas, whichever actor holds its place at the moment."""

    number: int
    actor: Any = None
    place: tuple[str, int] = ("", 0)  # host and process
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
    replaced.
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
        self._slots: list[_Slot] = []
        self._why = ""
        connect(address, cpus=replicas, gpus=bool(gpus_per_replica))
        try:
            replicas, self._resources = plan_replicas(
                node_resources(), replicas=replicas, gpus=gpus_per_replica
            )
            self._slots = [_Slot(number) for number in range(replicas)]
            self._wait_for_first()
        except BaseException:
            self.close()
            raise

    def describe(self) -> Mapping[str, Any]:
        """What one replica says of its engine; how many there were, where, and how many died."""
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
        for slot in self._slots:
            self._drop(slot)
        disconnect()

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
        if waiting and time.monotonic() - since > _PLACE_SECONDS:
            raise RunError(
                f"--engine ray: the cluster had no room for a replica ({self._resources}) within "
                f"{_PLACE_SECONDS:g} s; finished samples are kept: repeat the same command to go on"
            )

    def _keep_going(self, slot: _Slot, backlog: Backlog, most: int) -> None:
        """Give a slot its next step, if it has none."""
        if slot.given_up or slot.reply is not None:
            return
        now = time.monotonic()
        if slot.actor is None:
            slot.actor = self._new_actor()
            slot.reply, slot.ready, slot.beat, slot.heard = (
                slot.actor.hello.remote(),
                False,
                -1,
                now,
            )
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
        return actor.remote(self._build, ACTOR_ENVIRONMENT)

    def _answered(self, slot: _Slot, backlog: Backlog) -> Iterator[Sample]:
        """Deal with what a slot's actor said, or with its death."""
        import ray

        try:
            said = ray.get(slot.reply)
        except ray.exceptions.RayTaskError as error:
            raise RunError(
                f"--engine ray: a replica failed unexpectedly: {brief(error)}"
            ) from error
        except ray.exceptions.RayError as error:
            if getattr(
                error, "preempted", False
            ):  # the node was taken away, which is no one's fault
                backlog.returned(slot.flying.values())
                slot.flying = {}
            yield from self._lose(slot, backlog, brief(error))
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
            slot.place = (said.host, said.pid)
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
        idle = slot.reply is None and not slot.flying
        if idle or slot.beat < 0:  # nothing to do, or waiting for a place
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
        where = f" (process {slot.place[1]} on {slot.place[0]})" if slot.ready else ""
        log(f"warning: replica {slot.number + 1}{where} {what}: {why}")
        self._drop(slot)
        yield from backlog.lost(lost, why=why)

    def _drop(self, slot: _Slot) -> None:
        import ray

        if slot.actor is not None:
            ray.kill(slot.actor)
        slot.actor = slot.reply = None
        slot.ready, slot.closed, slot.beat, slot.flying = False, False, -1, {}
