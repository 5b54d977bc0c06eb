"""How long a server asks us to wait, and how much money may be spent."""

import asyncio
import math
import re
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from email.utils import parsedate_to_datetime

from sfr_eval.errors import RunError

_SPAN = re.compile(r"(\d+(?:\.\d+)?)(ms|s|m|h|d)")
_UNIT_SECONDS = {"ms": 1e-3, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
_MOST_CHARACTERS = 100  # of a header that are read
_COUNTED = ("requests", "tokens")


class CostReached(RunError):
    """The next request could exceed --max-cost."""


def retry_after(headers: Mapping[str, str]) -> float | None:
    """Return the seconds until the server wants to be asked again; None if it does not say. Reads
    `retry-after-ms`, then `retry-after` as seconds or as an HTTP date."""
    for name, scale in (("retry-after-ms", 1e-3), ("retry-after", 1.0)):
        try:
            seconds = float(headers.get(name, "")[:_MOST_CHARACTERS]) * scale
        except ValueError:
            continue
        if math.isfinite(seconds):
            return max(seconds, 0.0)
    try:
        date = parsedate_to_datetime(headers.get("retry-after", "")[:_MOST_CHARACTERS])
        return max(date.timestamp() - time.time(), 0.0)
    except (TypeError, ValueError, OverflowError, OSError):
        return None


def used_up(headers: Mapping[str, str]) -> float:
    """Return the seconds until a used-up allowance (`x-ratelimit-remaining-*: 0`) resets, or 0."""
    waits = [
        span_seconds(headers.get(f"x-ratelimit-reset-{what}", ""))
        for what in _COUNTED
        if headers.get(f"x-ratelimit-remaining-{what}", "").strip() == "0"
    ]
    return max((wait for wait in waits if wait is not None), default=0.0)


def span_seconds(text: str) -> float | None:
    """Return `6m0s`, `120ms` or `1.5` (seconds) in seconds; None for anything else."""
    text = text[:_MOST_CHARACTERS].strip()  # the search below is quadratic
    parts = _SPAN.findall(text)
    if parts and "".join(number + unit for number, unit in parts) == text:
        return sum(float(number) * _UNIT_SECONDS[unit] for number, unit in parts)
    try:
        seconds = float(text)
    except ValueError:
        return None
    return seconds if math.isfinite(seconds) and seconds >= 0 else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Prices:
    """US dollars per million tokens."""

    prompt: float
    completion: float

    def cost(self, prompt_tokens: int, completion_tokens: int) -> float:
        """Return the dollars for so many tokens."""
        return (prompt_tokens * self.prompt + completion_tokens * self.completion) / 1e6


class Budget:
    """Money that may still be spent. A request reserves the most that it can cost before it is
    sent, so that the limit holds however many requests are in flight."""

    def __init__(self, limit: float | None = None) -> None:
        self.limit = limit
        self.spent = 0.0
        self._reserved = 0.0
        self._changed = asyncio.Condition()

    @asynccontextmanager
    async def reserved(self, most: float) -> AsyncIterator[None]:
        """Reserve `most` dollars for the block, which adds what it really cost to `spent`. Raises
        CostReached if the sum does not fit and nothing in flight could free enough."""
        if self.limit is None:
            yield
            return
        async with self._changed:
            while self.spent + self._reserved + most > self.limit:
                if self._reserved <= 0:
                    raise CostReached(
                        f"--max-cost {self.limit:g} reached: {self.spent:.4g} dollars spent and "
                        f"the next request may cost {most:.2g}; all answers are kept: raise it "
                        "and repeat the same command"
                    )
                await self._changed.wait()
            self._reserved += most
        try:
            yield
        finally:
            async with self._changed:
                left = self._reserved - most
                self._reserved = left if left >= 1e-12 else 0.0
                self._changed.notify_all()
