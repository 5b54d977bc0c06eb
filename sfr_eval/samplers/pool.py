"""Draws with many engines, each a long-lived actor elsewhere; only this process writes.

Where the actors are is a matter of the place: nodes of a Ray cluster (samplers/ray.py) or processes
of this machine (samplers/local.py). An actor is built once for the whole run. It always answers
within a moment (samplers/replica.py), so one that does not, or whose engine makes no step, is
treated as dead: its requests return to the queue (samplers/backlog.py) and another actor takes its
place wherever there is room. The seed is in the request, so it does not matter who draws it.
"""

import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from sfr_eval.errors import RunError, UserError
from sfr_eval.samplers.backlog import Backlog
from sfr_eval.samplers.replica import Failure, Rows, Started
from sfr_eval.types import Request, Sample
from sfr_eval.util.progress import log

IN_FLIGHT = 1_280
"""Most requests at one actor: vLLM's own window on a GPU, and some on their way there."""
_EXCHANGE_SECONDS = 0.2
_STARTS = 3  # failures in a row after which a replica is given up
_PLACE_SECONDS = 600.0  # wait for the cluster to make room, for example to start machines
_START_SECONDS = 1_800.0  # wait for weights to be downloaded and loaded


class ActorLost(Exception):
    """An actor died. `blameless`: its place was taken away, so its requests did not kill it."""

    def __init__(self, why: str, *, blameless: bool = False) -> None:
        super().__init__(why)
        self.blameless = blameless


class Place(Protocol):
    """Where actors run. Calls return at once with a token; `wait` says which tokens are ready."""

    option: str  # that asks for it, for errors
    room: str  # what an actor takes, for errors

    def new_actor(self, number: int) -> Any:
        """Begin to start the actor of a slot."""

    def hello(self, actor: Any) -> Any:
        """Ask whether it is there."""

    def start(self, actor: Any) -> Any:
        """Ask it to build its engine."""

    def exchange(self, actor: Any, requests: Sequence[Request], *, seconds: float) -> Any:
        """Send requests and ask for rows."""

    def wait(self, tokens: Sequence[Any], *, seconds: float) -> Sequence[Any]:
        """Return those tokens whose message has come, after at most `seconds`."""

    def message(self, token: Any) -> Any:
        """Return the message. Raises ActorLost."""

    def kill(self, actor: Any) -> None:
        """End it at once."""

    def facts(self, *, replicas: int, hosts: Sequence[str], lost: int) -> Mapping[str, Any]:
        """What the manifest records."""

    def close(self) -> None:
        """Leave the place; the actors are gone by then."""


@dataclass
class _Slot:
    """One replica, whichever actor fills it at the moment."""

    number: int
    actor: Any = None
    place: tuple[str, int] = ("", 0)  # host and process
    reply: Any = None  # pending result of the actor: of a start or an exchange
    ready: bool = False
    in_flight: dict[str, Request] = field(default_factory=dict)
    closed: bool = False  # a cohort is in flight, to which nothing is added
    beat: int = -1
    last_progress: float = 0.0  # when it last answered and its engine had progressed
    failed_starts: int = 0
    given_up: bool = False


class ReplicaPool:
    """See `sfr_eval.types.Sampler`. `replicas` actors at a place draw together.

    `timeout_seconds`: an actor that does not answer for so long, or whose engine makes no step, is
    replaced.
    """

    def __init__(self, place: Place, *, replicas: int, timeout_seconds: float = 600.0) -> None:
        self._place = place
        self._timeout = timeout_seconds
        self._lost = 0
        self._facts: Mapping[str, Any] = {}
        self._hosts: set[str] = set()
        self._start_failure = ""
        self._slots = [_Slot(number) for number in range(replicas)]
        try:
            self._wait_for_first()
        except BaseException:
            self.close()
            raise

    def describe(self) -> Mapping[str, Any]:
        """The engine of one replica; how many replicas, where, and how many were lost."""
        facts = self._place.facts(
            replicas=len(self._slots), hosts=sorted(self._hosts), lost=self._lost
        )
        return {**self._facts, **facts}

    def sample(self, requests: Iterable[Request]) -> Iterator[Sample]:
        """Yield samples as they arrive."""
        all_requests = list(requests)
        backlog = Backlog(all_requests)
        # A share for every replica, with some left over for those that finish first.
        most = max(1, min(IN_FLIGHT, len(all_requests) // (2 * len(self._slots))))
        last_ready = time.monotonic()
        try:
            while backlog or any(slot.in_flight for slot in self._slots):
                yield from self._turn(backlog, most)
                if any(slot.ready for slot in self._slots):
                    last_ready = time.monotonic()
                self._check_replicas(last_ready)
        finally:
            for slot in self._slots:
                if slot.in_flight:  # an abandoned call, whose results nobody awaits
                    self._drop(slot)

    def close(self) -> None:
        """Stop the actors and leave their place."""
        for slot in self._slots:
            self._drop(slot)
        self._place.close()

    def _wait_for_first(self) -> None:
        """Wait until one replica can draw; the others join when they are ready."""
        started = time.monotonic()
        while not any(slot.ready for slot in self._slots):
            list(self._turn(Backlog(()), 0))
            self._check_replicas(started)

    def _turn(self, backlog: Backlog, most: int) -> Iterator[Sample]:
        """Give every replica its next step, process the replies, and drop what is stuck."""
        for slot in self._slots:
            self._next_step(slot, backlog, most)
        replies = {slot.reply: slot for slot in self._slots if slot.reply is not None}
        for reply in self._place.wait(list(replies), seconds=1.0):
            yield from self._answered(replies[reply], backlog)
        for slot in self._slots:
            if why := self._stuck(slot):
                yield from self._lose(slot, backlog, why)

    def _check_replicas(self, since: float) -> None:
        """Raise RunError if every replica was given up, or none has been placed for too long."""
        alive = [slot for slot in self._slots if not slot.given_up]
        if not alive:
            raise RunError(
                f"{self._place.option}: no replica can be started ({self._start_failure}); "
                "finished samples are kept: repeat the command to continue"
            )
        waiting = all(not slot.ready and slot.beat < 0 for slot in alive)
        if waiting and time.monotonic() - since > _PLACE_SECONDS:
            raise RunError(
                f"{self._place.option}: no room for a replica ({self._place.room}) within "
                f"{_PLACE_SECONDS:g} s; finished samples are kept: repeat the command to continue"
            )

    def _next_step(self, slot: _Slot, backlog: Backlog, most: int) -> None:
        """Start the next step of a slot, unless one is pending."""
        if slot.given_up or slot.reply is not None:
            return
        now = time.monotonic()
        if slot.actor is None:
            slot.actor = self._place.new_actor(slot.number)
            slot.reply = self._place.hello(slot.actor)
            slot.ready, slot.beat, slot.last_progress = False, -1, now
            return
        if not slot.ready:  # it has its place, so build the engine
            slot.reply, slot.last_progress = self._place.start(slot.actor), now
            return
        requests: list[Request] = []
        if not slot.in_flight:
            requests = backlog.cohort()
            slot.closed = bool(requests)
        if not slot.closed:
            requests = backlog.fresh(most - len(slot.in_flight))
        if not requests and not slot.in_flight:
            return  # nothing to do, unless another replica is lost
        if not slot.in_flight:
            slot.last_progress = now
        slot.in_flight.update((request.sample_id, request) for request in requests)
        slot.reply = self._place.exchange(slot.actor, requests, seconds=_EXCHANGE_SECONDS)

    def _answered(self, slot: _Slot, backlog: Backlog) -> Iterator[Sample]:
        """Process the message of a slot's actor, or its death."""
        try:
            message = self._place.message(slot.reply)
        except ActorLost as error:
            if error.blameless:
                backlog.returned(slot.in_flight.values())
                slot.in_flight = {}
            yield from self._lose(slot, backlog, str(error))
            return
        slot.reply = None
        now = time.monotonic()
        if isinstance(message, Failure):
            if message.usage:
                raise UserError(message.message)
            yield from self._lose(slot, backlog, message.message)
        elif isinstance(message, Started):
            self._check_facts(message)
            slot.ready, slot.last_progress, slot.failed_starts = True, now, 0
            slot.place = (message.host, message.pid)
        elif isinstance(message, Rows):
            if message.beat != slot.beat:
                slot.beat, slot.last_progress = message.beat, now
            for row in message.rows:
                if slot.in_flight.pop(row.sample_id, None) is not None:
                    yield row
        else:  # hello: it has its place
            slot.beat, slot.last_progress = 0, now

    def _check_facts(self, started: Started) -> None:
        """Raise UserError if this replica's engine differs from that of the others."""
        facts = {name: value for name, value in started.facts.items() if name != "restarts"}
        self._hosts.add(started.host)
        for name in {*facts, *self._facts} if self._facts else ():
            if facts.get(name) != self._facts.get(name):
                raise UserError(
                    f"{self._place.option}: replicas differ in {name} ({self._facts.get(name)}, "
                    f"and {facts.get(name)} on {started.host}); install the same everywhere"
                )
        self._facts = facts

    def _stuck(self, slot: _Slot) -> str:
        """Return why a slot's actor must be replaced; "" if it is healthy."""
        idle = slot.reply is None and not slot.in_flight
        if idle or slot.beat < 0:  # nothing to do, or waiting for its place
            return ""
        silent = time.monotonic() - slot.last_progress
        if not slot.ready:
            limit = max(_START_SECONDS, self._timeout)
            return f"it did not start within {limit:g} s" if silent > limit else ""
        return f"it made no progress for {self._timeout:g} s" if silent > self._timeout else ""

    def _lose(self, slot: _Slot, backlog: Backlog, why: str) -> Iterator[Sample]:
        """Drop the actor of a slot; its requests wait again or are given up."""
        requests = list(slot.in_flight.values())
        self._lost += 1
        if not slot.ready:
            slot.failed_starts += 1
            slot.given_up = slot.failed_starts >= _STARTS
            self._start_failure = why
        replaced = f"is replaced, {len(requests):,} requests wait again"
        what = "is given up" if slot.given_up else replaced
        where = f" (process {slot.place[1]} on {slot.place[0]})" if slot.ready else ""
        log(f"warning: replica {slot.number + 1}{where} {what}: {why}")
        self._drop(slot)
        yield from backlog.lost(requests, why=why)

    def _drop(self, slot: _Slot) -> None:
        if slot.actor is not None:
            self._place.kill(slot.actor)
        slot.actor = slot.reply = None
        slot.ready, slot.closed, slot.beat, slot.in_flight = False, False, -1, {}
