"""pytest tests/samplers/test_replica.py"""

import time
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import pytest

from sfr_eval.errors import RunError, UserError
from sfr_eval.samplers.replica import Failure, Replica, Rows, Started
from sfr_eval.samplers.rows import finished_row
from sfr_eval.types import Request, Sample
from tests.samplers.test_backlog import requests


class Counting:
    """Answers at once; `error` after so many rows."""

    def __init__(self, *, error: Exception | None = None, after: int = 0, pause: float = 0) -> None:
        self._error, self._after, self._pause = error, after, pause
        self.calls = 0

    def describe(self) -> Mapping[str, Any]:
        return {"engine": "counting"}

    def sample(self, asked: Iterable[Request]) -> Iterator[Sample]:
        self.calls += 1
        for number, request in enumerate(asked):
            if self._error is not None and number == self._after:
                raise self._error
            time.sleep(self._pause)
            yield finished_row(
                request, text="Aye", finish_reason="stop", prompt_tokens=1, completion_tokens=1
            )

    def close(self) -> None:
        pass


def started(sampler: Counting) -> Replica:
    replica = Replica(lambda: sampler, {})
    assert isinstance(replica.start(), Started)
    return replica


def collect(replica: Replica, wanted: int) -> list[Sample]:
    rows: list[Sample] = []
    until = time.monotonic() + 60
    while len(rows) < wanted:
        said = replica.exchange([], seconds=0.05)
        assert isinstance(said, Rows)
        rows += said.rows
        assert time.monotonic() < until
    return rows


def test_every_request_comes_back_once_however_they_arrive() -> None:
    replica = started(Counting())
    asked = requests(300)
    rows = []
    for start in range(0, 300, 70):
        said = replica.exchange(asked[start : start + 70], seconds=0.0)
        assert isinstance(said, Rows)
        rows += said.rows
    rows += collect(replica, 300 - len(rows))
    assert sorted(row.index for row in rows) == list(range(300))


def test_an_exchange_ends_in_time_though_the_engine_is_busy() -> None:
    replica = started(Counting(pause=1.0))
    begin = time.monotonic()
    said = replica.exchange(requests(5), seconds=0.1)
    assert isinstance(said, Rows)
    assert len(said.rows) == 0
    assert time.monotonic() - begin < 0.9


def test_the_beat_grows_only_while_the_engine_works() -> None:
    replica = started(Counting())
    first = replica.exchange([], seconds=0.0)
    replica.exchange(requests(3), seconds=60.0)
    then = replica.exchange([], seconds=0.0)
    again = replica.exchange([], seconds=0.0)
    assert isinstance(first, Rows)
    assert isinstance(then, Rows)
    assert isinstance(again, Rows)
    assert (first.beat, then.beat, again.beat) == (0, 3, 3)


@pytest.mark.parametrize(("error", "usage"), [(UserError("no"), True), (RunError("died"), False)])
def test_an_engine_that_fails_says_so_after_its_last_rows(error: Exception, usage: bool) -> None:
    replica = started(Counting(error=error, after=2))
    rows: list[Sample] = []
    said: Rows | Failure = replica.exchange(requests(5), seconds=1.0)
    until = time.monotonic() + 60
    while isinstance(said, Rows):
        rows += said.rows
        assert time.monotonic() < until
        said = replica.exchange([], seconds=0.05)
    assert (len(rows), said) == (2, Failure(message=str(error), usage=usage))


def test_an_error_without_a_name_is_not_swallowed() -> None:
    replica = started(Counting(error=ZeroDivisionError("a bug")))
    with pytest.raises(ZeroDivisionError):
        _ = [replica.exchange(requests(1), seconds=0.05) for _ in range(1_000)]


def test_an_engine_that_cannot_be_built_is_a_failure() -> None:
    def fail() -> Counting:
        raise UserError("--model x: no such folder")

    said = Replica(fail, {}).start()
    assert said == Failure(message="--model x: no such folder", usage=True)
