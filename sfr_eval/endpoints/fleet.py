"""Several servers of one model behind one `ask`: least loaded first, retried for transport only.

Retried: no connection, a cut or unreadable answer, a time-out, HTTP 408, 409, 429 and 5xx. Never
retried: an answer whose content we do not like, since asking until one likes it changes the
distribution that is being measured.
"""

import asyncio
import json
import random
import time
from collections import deque
from collections.abc import Awaitable, Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, TypeVar

from sfr_eval.endpoints.bounded import async_client
from sfr_eval.endpoints.limits import Budget, Prices, retry_after, used_up
from sfr_eval.endpoints.refusals import LIMIT, NEW_LIMIT, refused_fields, said, wants_new_limit
from sfr_eval.errors import RunError

if TYPE_CHECKING:
    import openai

Item = TypeVar("Item")
Row = TypeVar("Row")

TRIES = 5
"""How often a request is sent when the transport fails, the first time included."""
_FIRST_PAUSE, _LONGEST_PAUSE = 0.5, 8.0
_REFUSALS = (400, 422)
_PASSING = (408, 409, 429)
_LOST_IN_A_ROW = 32
_CHARACTERS_A_TOKEN = 2  # fewer than any tokenizer needs for plain text: reserves too much


class ServersLost(RunError):
    """No server has answered for many requests in a row."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What became of one request. Exactly one comes for each `ask`.

    answered: `text` is what the model said; refused: the provider withheld it; unsupported: the
    server does not take a sampling field at this value; failed: no answer came.
    """

    outcome: Literal["answered", "refused", "unsupported", "failed"]
    text: str = ""
    finish_reason: str | None = None
    prompt_tokens: int = 0
    completion_tokens: int = 0
    served: str = ""  # name that the server gives the model that answered
    error: str = ""


@dataclass
class _Server:
    """One base URL and what was learned about it."""

    url: str
    client: "openai.AsyncOpenAI"
    in_flight: int = 0
    paused_until: float = 0.0
    failures: int = 0  # in a row, without an HTTP answer
    limit_field: str = LIMIT
    omitted: set[str] = field(default_factory=set)

    def dressed(self, body: Mapping[str, Any]) -> dict[str, Any]:
        """The body as this server wants it."""
        sent = {name: value for name, value in body.items() if name not in self.omitted}
        if self.limit_field != LIMIT and LIMIT in sent:
            sent[self.limit_field] = sent.pop(LIMIT)
        return sent


class Fleet:
    """Servers that all serve `model`. Use from one thread; `close` when done."""

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
    ) -> None:
        import openai

        self.model = model
        self.concurrency = concurrency
        self.prompt_tokens = self.completion_tokens = self.uncounted = self.retries = 0
        self.served: set[str] = set()
        self._key = key
        self._timeout = timeout_seconds
        self._patience = patience_seconds  # that one request may be told to wait, in all
        self._prices = prices
        self._loop = asyncio.new_event_loop()
        self._budget = Budget(max_cost)
        self._refused: dict[tuple[str, str], str] = {}
        self._lost = 0
        self._turn = 0
        self._servers = [
            _Server(
                url,
                openai.AsyncOpenAI(
                    base_url=url,
                    api_key=key,
                    max_retries=0,
                    timeout=timeout_seconds,
                    http_client=async_client(),
                ),
            )
            for url in urls
        ]

    @property
    def spent(self) -> float | None:
        """Dollars, where prices are known."""
        return None if self._prices is None else self._budget.spent

    def limit_cost(self, dollars: float | None) -> None:
        """Spend no more than this from now on, counted from the start."""
        self._budget.limit = dollars

    def facts(self) -> dict[str, Any]:
        """What is recorded: servers, use, cost, and what they would not take."""
        return {
            "servers": [server.url for server in self._servers],
            "served": sorted(self.served),
            "concurrency": self.concurrency,
            "limit_field": sorted({server.limit_field for server in self._servers}),
            "not_sent": sorted({name for server in self._servers for name in server.omitted}),
            "prompt_tokens": self.prompt_tokens,
            "completion_tokens": self.completion_tokens,
            "answers_without_usage": self.uncounted,
            "retries": self.retries,
            "cost": self.spent,
        }

    def run(self, work: Awaitable[Row]) -> Row:
        """Run one awaitable on the fleet's loop."""
        return self._loop.run_until_complete(_awaited(work))

    def map(self, ask: Callable[[Item], Awaitable[Row]], items: Iterable[Item]) -> Iterator[Row]:
        """`ask` for each item, at most `concurrency` at a time, results as they finish.

        Items are taken one by one when there is room, so neither they nor the results pile up.
        An exception of `ask` ends it, after the results that were there before.
        """
        done: deque[Row] = deque()
        news = asyncio.Event()
        source = iter(items)

        async def work() -> None:
            try:
                for item in source:
                    done.append(await ask(item))
                    news.set()
            finally:
                news.set()

        async def batch() -> None:
            while not done and any(not task.done() for task in tasks):
                if any(task.done() and task.exception() for task in tasks):
                    return
                news.clear()
                await news.wait()

        tasks = [self._loop.create_task(work()) for _ in range(self.concurrency)]
        try:
            while True:
                self._loop.run_until_complete(batch())
                if not done:
                    break
                while done:
                    yield done.popleft()
            for task in tasks:
                if task.done() and (error := task.exception()) is not None:
                    raise error
        finally:
            for task in tasks:
                task.cancel()
            self._loop.run_until_complete(asyncio.gather(*tasks, return_exceptions=True))

    def close(self) -> None:
        """Close connections and loop; safe to call twice."""
        if self._loop.is_closed():
            return
        for server in self._servers:
            self._loop.run_until_complete(server.client.close())
        self._loop.run_until_complete(self._loop.shutdown_asyncgens())
        self._loop.close()

    async def ask(self, body: Mapping[str, Any], *, optional: Collection[str] = ()) -> Answer:
        """Send one chat request (without `model`) and wait for its end, however it ends.

        `optional` names fields that may be left out where a server does not know them, since
        their value says "off" or the answer can be had without them; `facts` tells which were.
        """
        for name, value in body.items():
            if message := self._refused.get((name, repr(value))):
                return Answer(outcome="unsupported", error=message)
        most = 0.0
        if self._prices is not None:
            size = len(json.dumps(body.get("messages", ()), ensure_ascii=False).encode())
            most = self._prices.of(size // _CHARACTERS_A_TOKEN + 16, int(body.get(LIMIT, 0)))
        async with self._budget.reserved(most):
            answer = await self._ask({"model": self.model, **body}, optional)
            if self._prices is not None and answer.outcome in ("answered", "refused"):
                counted = self._prices.of(answer.prompt_tokens, answer.completion_tokens)
                self._budget.spend(counted if answer.prompt_tokens else most)
        return answer

    async def _ask(self, body: Mapping[str, Any], optional: Collection[str]) -> Answer:
        import openai

        tries, waited = 0, 0.0
        failed: _Server | None = None
        while True:
            server = failed = await self._free_server(avoid=failed)
            sent = server.dressed(body)
            server.in_flight += 1
            try:
                async with asyncio.timeout(self._timeout):
                    return self._read(server, await _post(server.client, sent))
            except openai.APIStatusError as error:
                server.failures = 0
                status, what = error.status_code, self._safe(said(error.body, error.message))
                problem = f"HTTP {status}: {what}"
                if status in _REFUSALS:
                    refusal = self._refusal(server, body, sent, error.body, optional)
                    self._lost = 0
                    if refusal is None:
                        continue
                    return refusal
                if status not in _PASSING and status < 500:
                    self._lost = 0
                    return Answer(outcome="failed", error=problem)
                if error.code == "insufficient_quota":  # comes as 429, and waiting does not help
                    return Answer(outcome="failed", error=problem)
                wait = retry_after(error.response.headers)
                if wait is None:
                    wait = used_up(error.response.headers) or None
                if status == 429:
                    pause = wait if wait is not None else _pause(tries)
                    waited += pause
                    if waited > self._patience:
                        return Answer(outcome="failed", error=f"{problem} (asked to wait too long)")
                    server.paused_until = max(server.paused_until, time.monotonic() + pause)
                    tries += wait is None
                else:
                    tries += 1
                    server.paused_until = max(server.paused_until, time.monotonic() + (wait or 0.0))
            except (TimeoutError, openai.APITimeoutError):
                problem, tries = f"no answer within {self._timeout:g} s", tries + 1
            except openai.APIConnectionError as error:
                cause = error.__cause__
                why = f"{type(cause).__name__}: {cause}" if cause is not None else str(error)
                problem, tries = self._safe(f"connection failed ({why})"), tries + 1
            except _CutAnswer:
                problem, tries = "the answer is not whole (cut JSON)", tries + 1
            finally:
                server.in_flight -= 1
            self._shun(server, problem)
            if tries >= TRIES:
                self._count_lost(problem)
                return Answer(outcome="failed", error=f"{problem}; sent {tries} times")
            self.retries += 1
            if not problem.startswith("HTTP 429"):
                await asyncio.sleep(_pause(tries - 1))

    async def _free_server(self, *, avoid: _Server | None) -> _Server:
        """The server with the fewest requests in flight among those that may be asked now; not
        the one that just failed, if there is another."""
        while True:
            now = time.monotonic()
            ready = [server for server in self._servers if server.paused_until <= now]
            if len(ready) > 1 and avoid in ready:
                ready.remove(avoid)
            if ready:
                self._turn += 1
                start = self._turn % len(ready)
                return min(ready[start:] + ready[:start], key=lambda server: server.in_flight)
            first = min(server.paused_until for server in self._servers)
            # Spread out, or all that waited would ask in the same instant.
            await asyncio.sleep(first - now + random.uniform(0, 0.05))

    def _read(self, server: _Server, response: Any) -> Answer:
        """The answer in a response of HTTP 200; _CutAnswer if it is not whole JSON."""
        self._lost = server.failures = 0
        if wait := used_up(response.headers):
            server.paused_until = max(server.paused_until, time.monotonic() + wait)
        try:
            reply = json.loads(response.content)
        except (ValueError, RecursionError):
            raise _CutAnswer from None
        try:
            choice = reply["choices"][0]
            message = choice["message"]
            content, refusal = message.get("content"), message.get("refusal")
            finish = choice.get("finish_reason")
        except (KeyError, IndexError, TypeError, AttributeError):
            return Answer(outcome="failed", error="the answer is no chat completion")
        if not isinstance(content, str | None) or not isinstance(finish, str | None):
            return Answer(outcome="failed", error="the answer is no chat completion")
        usage = reply.get("usage")
        counts = [_count(usage, name) for name in ("prompt_tokens", "completion_tokens")]
        self.prompt_tokens += counts[0]
        self.completion_tokens += counts[1]
        self.uncounted += not counts[0]
        served = self._safe(str(reply.get("model") or ""))[:200]
        if len(self.served) < 16:
            self.served.add(served)
        return Answer(
            outcome="refused" if refusal or finish == "content_filter" else "answered",
            text=self._safe(_whole_characters(content or "")),
            finish_reason=finish,
            prompt_tokens=counts[0],
            completion_tokens=counts[1],
            served=served,
            error=self._safe(_whole_characters(str(refusal)))[:300] if refusal else "",
        )

    def _refusal(
        self,
        server: _Server,
        body: Mapping[str, Any],
        sent: Mapping[str, Any],
        error: object,
        optional: Collection[str],
    ) -> Answer | None:
        """The end of a request that the server will not take; None: it is to be sent otherwise."""
        names = refused_fields(error, sent)
        if server.limit_field == LIMIT and wants_new_limit(error, names):
            server.limit_field = NEW_LIMIT
        server.omitted |= {name for name in names if name in optional}
        if server.dressed(body) != sent:
            return None
        message = self._safe(said(error, "refused"))
        if not names:
            return Answer(outcome="failed", error=f"HTTP 400: {message}")
        for name in names:
            original = LIMIT if name == NEW_LIMIT else name
            if original in body and original != "seed":
                self._refused[original, repr(body[original])] = (
                    f"the server does not take {name}: {message}"
                )
        problem = f"the server does not take {names[0]}: {message}"
        return Answer(outcome="unsupported", error=problem)

    def _shun(self, server: _Server, problem: str) -> None:
        """Ask a server that did not answer only now and then, as long as there are others: with
        nothing in flight it would look like the least loaded one."""
        if problem.startswith("HTTP"):
            return
        server.failures += 1
        if len(self._servers) > 1:
            wait = min(_FIRST_PAUSE * 2.0**server.failures, _LONGEST_PAUSE)
            server.paused_until = max(server.paused_until, time.monotonic() + wait)

    def _count_lost(self, problem: str) -> None:
        self._lost += 1
        if self._lost >= max(_LOST_IN_A_ROW, 2 * self.concurrency):
            urls = ", ".join(server.url for server in self._servers)
            raise ServersLost(
                f"{urls}: no answer to {self._lost} requests in a row ({problem}); finished ones "
                "are kept: mend the server and repeat the same command"
            )

    def _safe(self, text: str) -> str:
        """Without our key, which some servers repeat in their answer."""
        return text.replace(self._key, "[key]") if len(self._key) >= 8 else text


class _CutAnswer(Exception):
    """HTTP 200 with something that is not whole JSON."""


async def _post(client: "openai.AsyncOpenAI", body: Mapping[str, Any]) -> Any:
    """The raw response: the client's typed objects cost 1 ms each and hide the headers."""
    import httpx2

    return await client.post("/chat/completions", cast_to=httpx2.Response, body=dict(body))


async def _awaited(work: Awaitable[Row]) -> Row:
    return await work


def _pause(tries: int) -> float:
    return min(_FIRST_PAUSE * 2.0**tries, _LONGEST_PAUSE) * random.uniform(0.75, 1.0)


def _count(usage: object, name: str) -> int:
    value = usage.get(name) if isinstance(usage, Mapping) else None
    return value if isinstance(value, int) and value > 0 else 0


def _whole_characters(text: str) -> str:
    """JSON can carry half of a surrogate pair, which no UTF-8 file can keep."""
    return text.encode("utf-8", "replace").decode() if not text.isascii() else text
