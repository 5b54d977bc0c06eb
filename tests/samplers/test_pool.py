"""pytest tests/samplers/test_pool.py: replicas in this process, which die when they are told."""

from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from typing import Any

import pytest

from sfr_eval.errors import UserError
from sfr_eval.samplers.pool import ActorLost, ReplicaPool
from sfr_eval.samplers.replica import Failure, Rows, Started
from sfr_eval.types import Request
from tests.samplers.test_backlog import requests
from tests.support.ray_samplers import Echo

FACTS = {"engine": "echo"}


class Token:
    """Keeps a message; the pool uses tokens as keys."""

    def __init__(self, message: Any) -> None:
        self.message = message


@dataclass
class Here:
    """A place whose actors are numbers and whose tokens keep the message already. `deaths`: how
    often an exchange kills its actor; `failure`: what every start ends in."""

    deaths: int = 0
    blameless: bool = False
    failure: Failure | None = None
    facts_of: Mapping[int, Mapping[str, Any]] = field(default_factory=dict)
    option: str = "--copies"
    room: str = "a corner"
    killed: list[int] = field(default_factory=list)
    closed: bool = False
    batches: list[int] = field(default_factory=list)

    def new_actor(self, number: int) -> int:
        return number

    def hello(self, actor: int) -> Any:
        return Token(0)

    def start(self, actor: int) -> Any:
        facts = self.facts_of.get(actor, FACTS)
        return Token(self.failure or Started(facts=facts, host="here", pid=actor))

    def exchange(self, actor: int, asked: Sequence[Request], *, seconds: float) -> Any:
        self.batches.append(len(asked))
        if self.deaths and asked:
            self.deaths -= 1
            return Token(ActorLost("it fell over", blameless=self.blameless))
        return Token(Rows(rows=tuple(Echo().sample(asked)), beat=len(self.batches)))

    def wait(self, tokens: Sequence[Any], *, seconds: float) -> Sequence[Any]:
        return tokens

    def message(self, token: Any) -> Any:
        if isinstance(token.message, ActorLost):
            raise token.message
        return token.message

    def kill(self, actor: int) -> None:
        self.killed.append(actor)

    def facts(self, *, replicas: int, hosts: Sequence[str], lost: int) -> Mapping[str, Any]:
        return {"copies": replicas, "hosts": list(hosts), "lost": lost}

    def close(self) -> None:
        self.closed = True


def drawn(place: Here, count: int = 50, replicas: int = 2) -> tuple[set[str], Mapping[str, Any]]:
    with closing(ReplicaPool(place, replicas=replicas)) as pool:
        rows = list(pool.sample(requests(count)))
        facts = pool.describe()
    assert len({row.sample_id for row in rows}) == len(rows) == count
    assert place.closed
    return {row.status for row in rows}, facts


def test_every_request_is_drawn_once_and_the_place_is_left() -> None:
    place = Here()
    statuses, facts = drawn(place)
    assert statuses == {"ok"}
    assert facts == {**FACTS, "copies": 2, "hosts": ["here"], "lost": 0}
    assert sorted(place.killed) == [0, 1]
    assert max(place.batches) <= 50 // 4


def test_requests_of_a_lost_actor_are_drawn_by_others() -> None:
    place = Here(deaths=2)
    statuses, facts = drawn(place)
    assert statuses == {"ok"}
    assert facts["lost"] == 2


def test_a_place_that_was_taken_away_blames_no_request() -> None:
    statuses, facts = drawn(Here(deaths=6, blameless=True), count=1, replicas=1)
    assert (statuses, facts["lost"]) == ({"ok"}, 6)
    statuses, _ = drawn(Here(deaths=6), count=1, replicas=1)
    assert statuses == {"error"}  # a request that killed three actors


def test_a_fault_of_the_user_ends_it_at_once() -> None:
    place = Here(failure=Failure(message="--model x: not there", usage=True))
    with pytest.raises(UserError, match="--model x: not there"):
        ReplicaPool(place, replicas=2)
    assert place.closed


def test_replicas_that_differ_are_refused() -> None:
    place = Here(facts_of={1: {"engine": "another"}})
    with (
        pytest.raises(UserError, match="--copies: replicas differ in engine"),
        closing(ReplicaPool(place, replicas=2)) as pool,
    ):
        list(pool.sample(requests(50)))
