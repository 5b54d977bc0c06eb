"""One server: sends a request once, and remembers what the server does not take."""

import asyncio
import time
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sfr_eval.endpoints import bounded
from sfr_eval.endpoints.answer import Answer, CutResponse, read_completion, without_key
from sfr_eval.endpoints.limits import retry_after, used_up
from sfr_eval.endpoints.refusals import (
    LIMIT,
    NEW_LIMIT,
    message_of,
    refused_fields,
    wants_new_limit,
)

if TYPE_CHECKING:
    import httpx2

Unsupported = dict[tuple[str, str], str]
"""Field and its value -> what a server said about it."""

_REFUSALS = (400, 422)
_TRANSIENT = (408, 409, 429)


@dataclass(frozen=True, slots=True)
class Setback:
    """A transport failure, after which a request is sent again."""

    problem: str
    status: int | None = None  # HTTP status; None: there was no response
    wait: float | None = None  # seconds that the server asks for


class Server:
    """One base URL and what was learned about it."""

    def __init__(
        self, url: str, *, key: str, timeout_seconds: float, unsupported: Unsupported
    ) -> None:
        """`unsupported` is shared by the servers of a model."""
        import openai

        self.url = url
        self.in_flight = 0
        self.paused_until = 0.0
        self.failures = 0  # in a row, without an HTTP response
        self.limit_field = LIMIT
        self.omitted: set[str] = set()
        self._key, self._timeout, self._unsupported = key, timeout_seconds, unsupported
        self._client = openai.AsyncOpenAI(
            base_url=url,
            api_key=key,
            max_retries=0,
            timeout=timeout_seconds,
            http_client=bounded.client(),
        )

    async def close(self) -> None:
        """Close the connections."""
        await self._client.close()

    def pause(self, seconds: float) -> None:
        """Send nothing for this long."""
        self.paused_until = max(self.paused_until, time.monotonic() + seconds)

    async def send(
        self, body: Mapping[str, Any], *, optional: Collection[str]
    ) -> Answer | Setback | None:
        """Send a request once; None means that this server wants it in another form."""
        import openai

        adapted = self._adapt(body)
        try:
            async with asyncio.timeout(self._timeout):
                response = await self._post(adapted)
            self.failures = 0
            self.pause(used_up(response.headers))
            return read_completion(response.content, key=self._key)
        except openai.APIStatusError as error:
            self.failures = 0
            status, headers = error.status_code, error.response.headers
            if status in _REFUSALS:
                return self._refusal(body, error.body, adapted=adapted, optional=optional)
            problem = f"HTTP {status}: {self._safe(message_of(error.body, error.message))}"
            # A used-up quota arrives as 429, but waiting does not help.
            transient = status in _TRANSIENT or status >= 500
            if not transient or error.code == "insufficient_quota":
                return Answer(outcome="failed", error=problem)
            wait = retry_after(headers)
            return Setback(problem, status, wait if wait is not None else used_up(headers) or None)
        except (TimeoutError, openai.APITimeoutError):
            return Setback(f"no answer within {self._timeout:g} s")
        except openai.APIConnectionError as error:
            cause = error.__cause__
            reason = f"{type(cause).__name__}: {cause}" if cause is not None else str(error)
            return Setback(self._safe(f"connection failed ({reason})"))
        except CutResponse:
            return Setback("the response is incomplete (cut JSON)", status=200)

    def _adapt(self, body: Mapping[str, Any]) -> dict[str, Any]:
        """Return the body as this server wants it."""
        adapted = {name: value for name, value in body.items() if name not in self.omitted}
        if self.limit_field != LIMIT and LIMIT in adapted:
            adapted[self.limit_field] = adapted.pop(LIMIT)
        return adapted

    async def _post(self, body: dict[str, Any]) -> "httpx2.Response":
        """Return the raw response: openai's typed objects cost 1 ms each and hide the headers."""
        import httpx2

        return await self._client.post("/chat/completions", cast_to=httpx2.Response, body=body)

    def _refusal(
        self,
        body: Mapping[str, Any],
        error: object,
        *,
        adapted: Mapping[str, Any],
        optional: Collection[str],
    ) -> Answer | None:
        """Learn from HTTP 400; returns an answer unless the server may take another form."""
        names = refused_fields(error, adapted)
        if self.limit_field == LIMIT and wants_new_limit(error, names):
            self.limit_field = NEW_LIMIT
        self.omitted |= {name for name in names if name in optional}
        if self._adapt(body) != adapted:
            return None
        message = self._safe(message_of(error, "refused"))
        if not names:
            return Answer(outcome="failed", error=f"HTTP 400: {message}")
        problems = {name: f"the server does not take {name}: {message}" for name in names}
        for name, problem in problems.items():
            original = LIMIT if name == NEW_LIMIT else name
            if original in body and original != "seed":
                self._unsupported[original, repr(body[original])] = problem
        return Answer(outcome="unsupported", error=problems[names[0]])

    def _safe(self, text: str) -> str:
        return without_key(text, key=self._key)
