"""Fleets of scripted servers, and what they are asked."""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from typing import Any

from sfr_eval.endpoints.answer import Answer
from sfr_eval.endpoints.fleet import Fleet
from tests.support.fake_server import FakeServer, Reply, completion

KEY = "sk-secret-0123456789"


@contextmanager
def open_fleet(*servers: FakeServer, **settings: Any) -> Iterator[Fleet]:
    urls = [server.url for server in servers]
    with closing(Fleet(urls, key=KEY, model="fake", **settings)) as fleet:
        yield fleet


def ask(fleet: Fleet, text: str = "hello", **body: Any) -> Answer:
    optional = body.pop("optional", ())
    full = {"messages": [{"role": "user", "content": text}], "max_tokens": 10, **body}
    return fleet.run(fleet.ask(full, optional=optional))


def ask_all(fleet: Fleet, count: int) -> list[tuple[int, Answer]]:
    async def one(number: int) -> tuple[int, Answer]:
        chat = [{"role": "user", "content": str(number)}]
        return number, await fleet.ask({"messages": chat, "max_tokens": 10})

    return list(fleet.map(one, range(count)))


def number_of(body: Mapping[str, Any]) -> int:
    return int(body["messages"][-1]["content"])


def first_times(times: int, fault: Reply) -> Callable[[Any, Any], Reply]:
    """Returns a server with a fault the first `times` that a request is sent, then an answer."""
    sendings: Counter[str] = Counter()

    def answer(body: dict[str, Any], headers: Mapping[str, str]) -> Reply:
        key = body["messages"][-1]["content"]
        sendings[key] += 1
        return fault if sendings[key] <= times else completion(f"re {key}")

    return answer
