"""One server: sends a request once, and remembers what the server does not take."""

import asyncio
import time
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sfr_eval.endpoints import bounded
from sfr_eval.endpoints.answer import (
    Answer,
    CutResponse,
    ProviderError,
    read_completion,
    without_key,
)
from sfr_eval.endpoints.limits import retry_after, used_up
from sfr_eval.endpoints.refusals import (
    LIMIT,
    NEW_LIMIT,
    is_final,
    message_of,
    refused_fields,
    wants_new_limit,
    withheld,
)

if TYPE_CHECKING:
    import httpx2

Unsupported = dict[tuple[str, str], str]
"""Field and its value -> what a server said about it."""

_REFUSALS = (400, 422)
_TRANSIENT = (408, 409, 429)
_SMALLER_SEEDS = (32, 31)


@dataclass(frozen=True, slots=True)
class Setback:
    """A failure that is not about this request: of the transport, after which it is sent again, or
    `final`, when the server would refuse every other one as well."""

    problem: str
    status: int | None = None  # HTTP status; None: there was no response
    wait: float | None = None  # seconds that the server asks for
    final: bool = False


class Server:
    """One base URL and what was learned about it."""

    def __init__(
        self,
        url: str,
        *,
        key: str,
        timeout_seconds: float,
        patience_seconds: float,
        unsupported: Unsupported,
        seed_bits: int = 63,
    ) -> None:
        """`unsupported` is shared by the servers of a model. `seed_bits`: how many bits of a seed
        are sent; 0: no seed."""
        import openai

        self.url = url
        self.in_flight = 0
        self.paused_until = 0.0
        self.failures = 0  # in a row, without an HTTP response
        self.final_refusals = 0  # in a row
        self.closed = False  # refuses everything, so it is not asked any more
        self.seed_bits = seed_bits
        self.limit_field = LIMIT
        self.omitted: set[str] = set()
        self._key, self._timeout, self._unsupported = key, timeout_seconds, unsupported
        self._patience = patience_seconds
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

    def _observe(self, headers: Mapping[str, str]) -> None:
        """Wait for a used-up allowance, unless that takes longer than anybody would wait: then the
        server can say so by refusing a request."""
        seconds = used_up(headers)
        if seconds <= self._patience:
            self.pause(seconds)

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
            self._observe(response.headers)
            answer = read_completion(response.content, key=self._key)
            self.final_refusals = 0
            return answer
        except ProviderError as error:
            return self._problem(self._safe(str(error)), error.status, {})
        except openai.APIStatusError as error:
            self.failures = 0
            status = error.status_code
            message = self._safe(message_of(error.body, error.message))
            if status in _REFUSALS or withheld(error.body, status):
                self.final_refusals = 0
            if withheld(error.body, status):
                return Answer(outcome="refused", error=message)
            if status in _REFUSALS:
                return self._refusal(body, error.body, adapted=adapted, optional=optional)
            problem = f"HTTP {status}: {message}"
            return self._problem(problem, status, error.response.headers, code=error.code)
        except (TimeoutError, openai.APITimeoutError):
            return Setback(f"no answer within {self._timeout:g} s")
        except openai.APIConnectionError as error:
            cause = error.__cause__
            reason = f"{type(cause).__name__}: {cause}" if cause is not None else str(error)
            return Setback(self._safe(f"connection failed ({reason})"))
        except bounded.Redirect as error:
            return Setback(self._safe(str(error)), final=True)
        except CutResponse as error:
            return Setback(f"the response is {error}", status=200)

    def _problem(
        self, problem: str, status: int | None, headers: Mapping[str, str], *, code: object = None
    ) -> Answer | Setback:
        """Return what an error means: this request failed, it may be sent again, or none can
        succeed."""
        if is_final(status, code):
            return Setback(problem, status, final=True)
        if status is None or not (status in _TRANSIENT or status >= 500):
            return Answer(outcome="failed", error=problem)
        wait = retry_after(headers)
        return Setback(problem, status, wait if wait is not None else used_up(headers) or None)

    def _adapt(self, body: Mapping[str, Any]) -> dict[str, Any]:
        """Return the body as this server wants it."""
        adapted = {name: value for name, value in body.items() if name not in self.omitted}
        if self.limit_field != LIMIT and LIMIT in adapted:
            adapted[self.limit_field] = adapted.pop(LIMIT)
        if isinstance(seed := adapted.get("seed"), int):
            adapted["seed"] = seed & ((1 << self.seed_bits) - 1)
            if self.seed_bits == 0:
                del adapted["seed"]
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
        if "seed" in names and self._take_smaller_seeds(adapted["seed"]):
            names.remove("seed")
        self.omitted |= {name for name in names if name in optional}
        if self._adapt(body) != adapted:
            return None
        message = self._safe(message_of(error, "refused"))
        if not names:
            return Answer(outcome="failed", error=f"HTTP 400: {message}")
        if names == ["seed"]:
            message += "; --seed-bits 0 sends no seeds"
        problems = {name: f"the server does not take {name}: {message}" for name in names}
        for name, problem in problems.items():
            original = LIMIT if name == NEW_LIMIT else name
            if original in body and original != "seed":
                self._unsupported[original, repr(body[original])] = problem
        return Answer(outcome="unsupported", error=problems[names[0]])

    def _take_smaller_seeds(self, refused: int) -> bool:
        """Send fewer bits of each seed from now on, if a refused seed had more than the least."""
        bits = next((bits for bits in _SMALLER_SEEDS if refused >= 1 << bits), 0)
        self.seed_bits = min(self.seed_bits, bits or self.seed_bits)
        return bits > 0

    def _safe(self, text: str) -> str:
        """Return a text of the server in at most 400 characters, cut where no key can be cut."""
        return without_key(text, key=self._key)[:400]
