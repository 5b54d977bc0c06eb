"""Several servers of one model behind one `ask`: the least loaded is asked first.

Retried: no connection, a cut or unreadable response, a time-out, HTTP 408, 409, 429 and 5xx. Never
retried: an answer whose content is unwelcome, since asking until it is welcome would change the
distribution that is being measured. A server that refuses several requests in a row for a reason
that holds for all (key, money, model) is not asked any more. The retries are our own because
openai's know neither the wait that all requests to a server share, nor the budget, nor the other
servers.
"""

import asyncio
import json
import random
import time
from collections import deque
from collections.abc import Awaitable, Callable, Collection, Iterable, Iterator, Mapping, Sequence
from typing import Any, TypedDict, TypeVar

from sfr_eval.endpoints.answer import Answer
from sfr_eval.endpoints.limits import Budget, Prices
from sfr_eval.endpoints.refusals import LIMIT
from sfr_eval.endpoints.server import Server, Setback, Unsupported
from sfr_eval.errors import RunError
from sfr_eval.util.progress import log

Item = TypeVar("Item")
Row = TypeVar("Row")

TRIES = 5
"""How often a request is sent while the transport fails, the first time included."""
_FIRST_PAUSE, _LONGEST_PAUSE = 0.5, 8.0
_SHORTEST_PAUSE = 0.02  # after HTTP 429, whatever it says
_LOST_IN_A_ROW = 32
_FINAL_IN_A_ROW = 4
_FAILED_PROMPTS = 3
_CHARGED = ("answered", "refused", "no_content")
_SPOKEN_PAUSE = 10.0
_SILENCE = 60.0  # between two lines about waiting
_CHARACTERS_PER_TOKEN = 2  # fewer than any tokenizer needs for plain text, so too much is reserved


class ServersLost(RunError):
    """No server has answered many requests in a row, or all refuse every request."""


class FleetFacts(TypedDict):
    """What a run records about its servers: use, cost, and the fields they would not take."""

    servers: list[str]
    served: list[str]
    concurrency: int
    limit_field: list[str]
    seed_bits: list[int]
    not_sent: list[str]
    prompt_tokens: int
    completion_tokens: int
    answers_without_usage: int
    retries: int
    cost: float | None


class Fleet:
    """Servers that all serve `model`. Use it from one thread and `close` it when done."""

    def __init__(
        self,
        urls: Sequence[str],
        *,
        key: str,
        model: str,
        concurrency: int = 32,
        timeout_seconds: float = 600.0,
        patience_seconds: float = 600.0,
        prices: Prices | None = None,
        max_cost: float | None = None,
        seed_bits: int = 63,
    ) -> None:
        self.model = model
        self.concurrency = concurrency
        self.prompt_tokens = self.completion_tokens = self.uncounted = self.retries = 0
        self.served: set[str] = set()
        self._patience = patience_seconds  # how long, in all, servers may make one request wait
        self._prices = prices
        self._loop = asyncio.new_event_loop()
        self._budget = Budget(max_cost)
        self._unsupported: Unsupported = {}
        self._lost = 0
        self._answered = False  # any request at all
        self._failed: dict[str, int] = {}  # prompt -> failures, until a request is answered
        self._refusal = ""  # of the last server that was still asked
        self._turn = 0
        self._spoke = -_SILENCE  # when it was last said that servers make us wait
        self._servers = [
            Server(
                url,
                key=key,
                timeout_seconds=timeout_seconds,
                patience_seconds=patience_seconds,
                unsupported=self._unsupported,
                seed_bits=seed_bits,
            )
            for url in urls
        ]

    @property
    def spent(self) -> float | None:
        """Dollars spent; None if prices are unknown."""
        return None if self._prices is None else self._budget.spent

    def limit_cost(self, dollars: float | None) -> None:
        """Spend no more than this in total, what was spent before included."""
        self._budget.limit = dollars

    def facts(self) -> FleetFacts:
        """Return what is recorded about the servers."""
        return {
            "servers": [server.url for server in self._servers],
            "served": sorted(self.served),
            "concurrency": self.concurrency,
            "limit_field": sorted({server.limit_field for server in self._servers}),
            "seed_bits": sorted({server.seed_bits for server in self._servers}),
            "not_sent": sorted({name for server in self._servers for name in server.omitted}),
            "prompt_tokens": self.prompt_tokens,
            "completion_tokens": self.completion_tokens,
            "answers_without_usage": self.uncounted,
            "retries": self.retries,
            "cost": self.spent,
        }

    def run(self, work: Awaitable[Row]) -> Row:
        """Run one awaitable on the fleet's loop."""
        return self._loop.run_until_complete(work)

    def map(self, ask: Callable[[Item], Awaitable[Row]], items: Iterable[Item]) -> Iterator[Row]:
        """Yield `ask(item)` for each item as they finish, at most `concurrency` at a time. Items
        are taken one by one when there is room, so neither items nor results pile up. An exception
        in `ask` is raised after the results that came before it."""
        results: deque[Row] = deque()
        news = asyncio.Event()
        source = iter(items)

        async def work() -> None:
            try:
                for item in source:
                    results.append(await ask(item))
                    news.set()
            finally:
                news.set()

        async def batch() -> None:
            while not results and any(not task.done() for task in tasks):
                if any(task.done() and task.exception() for task in tasks):
                    return
                news.clear()
                await news.wait()

        tasks = [self._loop.create_task(work()) for _ in range(self.concurrency)]
        try:
            while True:
                self._loop.run_until_complete(batch())
                if not results:
                    break
                while results:
                    yield results.popleft()
            for task in tasks:
                if task.done() and (error := task.exception()) is not None:
                    raise error
        finally:
            for task in tasks:
                task.cancel()
            self._loop.run_until_complete(asyncio.gather(*tasks, return_exceptions=True))

    def close(self) -> None:
        """Close connections and loop. Safe to call twice."""
        if self._loop.is_closed():
            return
        for server in self._servers:
            self._loop.run_until_complete(server.close())
        self._loop.run_until_complete(self._loop.shutdown_asyncgens())
        self._loop.close()

    async def ask(self, body: Mapping[str, Any], *, optional: Collection[str] = ()) -> Answer:
        """Send one chat request (without `model`) and return its answer, whatever it is. `optional`
        names fields that are left out for a server that does not know them, because their value
        means "off" or the answer can be had without them; `facts` says which were."""
        for name, value in body.items():
            if message := self._unsupported.get((name, repr(value))):
                return Answer(outcome="unsupported", error=message)
        most = 0.0
        if self._prices is not None:
            size = len(json.dumps(body.get("messages", ()), ensure_ascii=False).encode())
            most = self._prices.cost(size // _CHARACTERS_PER_TOKEN + 16, int(body.get(LIMIT, 0)))
        async with self._budget.reserved(most):
            answer = await self._retry({"model": self.model, **body}, optional)
            if self._prices is not None and answer.outcome in _CHARGED:
                cost = self._prices.cost(answer.prompt_tokens, answer.completion_tokens)
                self._budget.spent += cost if answer.prompt_tokens else most
        return answer

    async def _retry(self, body: Mapping[str, Any], optional: Collection[str]) -> Answer:
        tries, waited = 0, 0.0
        server: Server | None = None
        while True:
            server = await self._free_server(avoid=server)
            server.in_flight += 1
            try:
                result = await server.send(body, optional=optional)
            finally:
                server.in_flight -= 1
            if not isinstance(result, Setback) or result.status == 200:
                self._lost = 0
            if result is None:
                continue
            if isinstance(result, Answer):
                self._count_usage(result)
                self._count_failed(body, result)
                return result
            if result.final:
                tries += 1
                if not self._another_after(server, result.problem) or tries >= TRIES:
                    return Answer(outcome="failed", error=result.problem)
                continue
            pause = result.wait or 0.0
            if result.status == 429:
                pause = _backoff(tries) if result.wait is None else max(pause, _SHORTEST_PAUSE)
            waited += pause
            if waited > self._patience:
                error = f"{result.problem} (asked to wait too long)"
                self._count_lost(error)
                return Answer(outcome="failed", error=error)
            server.pause(pause)
            tries += result.status != 429 or result.wait is None
            if result.status in (None, 200):
                self._avoid(server)
            if tries >= TRIES:
                self._count_lost(result.problem)
                return Answer(outcome="failed", error=f"{result.problem}; sent {tries} times")
            self.retries += 1
            if result.status != 429:
                await asyncio.sleep(_backoff(tries - 1))

    async def _free_server(self, *, avoid: Server | None) -> Server:
        """Return the server with the fewest requests in flight among those that may be asked now.
        It is not `avoid`, the one that just failed, if there is another."""
        while True:
            now = time.monotonic()
            open_servers = [server for server in self._servers if not server.closed]
            if not open_servers:
                raise ServersLost(self._refusal)
            ready = [server for server in open_servers if server.paused_until <= now]
            if len(ready) > 1 and avoid in ready:
                ready.remove(avoid)
            if ready:
                self._turn += 1
                start = self._turn % len(ready)
                return min(ready[start:] + ready[:start], key=lambda server: server.in_flight)
            first = min(server.paused_until for server in open_servers)
            self._say_wait(open_servers, first - now)
            # Spread out, or all requests that waited would be sent at the same moment.
            await asyncio.sleep(first - now + random.uniform(0, 0.05))

    def _say_wait(self, servers: Sequence[Server], seconds: float) -> None:
        """Tell the user that all servers make all requests wait, now and then."""
        now = time.monotonic()
        if seconds >= _SPOKEN_PAUSE and now - self._spoke >= _SILENCE:
            self._spoke = now
            urls = ", ".join(server.url for server in servers)
            log(f"{urls}: asks for a pause of {seconds:.0f} s; what was answered is kept")

    def _another_after(self, server: Server, problem: str) -> bool:
        """Count a refusal that would meet every request, and close the server after a few. Return
        whether there is another server. Raises ServersLost if there is none left at all."""
        server.final_refusals += 1
        if server.final_refusals >= _FINAL_IN_A_ROW and not server.closed:
            server.closed = True
            if all(other.closed for other in self._servers):
                self._refusal = (
                    f"{server.url}: refuses every request ({problem}); what was answered is kept: "
                    "correct the key, the account, the address or the name of the model and "
                    "repeat the command"
                )
                raise ServersLost(self._refusal)
            log(f"warning: {server.url}: refuses every request ({problem}); not asked any more")
        return any(not other.closed for other in self._servers if other is not server)

    def _count_failed(self, body: Mapping[str, Any], answer: Answer) -> None:
        """Raise ServersLost if many requests, with several prompts, failed and none was answered:
        what is wrong is then wrong with all."""
        if answer.outcome != "failed" or self._answered:
            self._answered, self._failed = True, {}
            return
        prompt = json.dumps(body.get("messages", ()))
        self._failed[prompt] = self._failed.get(prompt, 0) + 1
        if sum(self._failed.values()) >= _LOST_IN_A_ROW and len(self._failed) >= _FAILED_PROMPTS:
            raise ServersLost(
                f"{self._servers[0].url}: refuses every request ({answer.error}); correct the "
                "settings or the server and repeat the same command"
            )

    def _count_usage(self, answer: Answer) -> None:
        if answer.outcome in _CHARGED:
            self.prompt_tokens += answer.prompt_tokens
            self.completion_tokens += answer.completion_tokens
            self.uncounted += not answer.prompt_tokens
            if len(self.served) < 16:
                self.served.add(answer.served)

    def _avoid(self, server: Server) -> None:
        """Ask a server that did not respond only now and then, as long as there are others. With
        nothing in flight it would look like the least loaded one."""
        server.failures += 1
        if len(self._servers) > 1:
            server.pause(min(_FIRST_PAUSE * 2.0**server.failures, _LONGEST_PAUSE))

    def _count_lost(self, problem: str) -> None:
        self._lost += 1
        if self._lost >= max(_LOST_IN_A_ROW, 2 * self.concurrency):
            urls = ", ".join(server.url for server in self._servers)
            raise ServersLost(
                f"{urls}: no answer to {self._lost} requests in a row ({problem}); the answers so "
                "far are kept: repair the server and repeat the same command"
            )


def _backoff(tries: int) -> float:
    return min(_FIRST_PAUSE * 2.0**tries, _LONGEST_PAUSE) * random.uniform(0.75, 1.0)
