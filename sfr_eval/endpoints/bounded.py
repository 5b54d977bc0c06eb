"""HTTP clients that read no more of an answer than a model could have written.

A server is not trusted: an answer without end, or one that unpacks to gigabytes, would take the
memory of a run that holds thousands of good ones.
"""

from collections.abc import AsyncIterator, Iterator
from typing import Any

import httpx2
import openai

MAX_BYTES = 16 * 2**20
"""Of an answer as it is sent. A million tokens of text have some 6 MB."""
MAX_PACKED_BYTES = 256 * 2**10
"""The same where it is compressed: gzip unpacks to at most 1,030 times as much."""


class AnswerTooLong(httpx2.ReadError):
    """The server has sent more than any answer has."""


class _Counter:
    def __init__(self, response: httpx2.Response) -> None:
        encoding = response.headers.get("content-encoding", "identity")
        self.left = MAX_BYTES if encoding == "identity" else MAX_PACKED_BYTES

    def take(self, count: int) -> None:
        self.left -= count
        if self.left < 0:
            raise AnswerTooLong("the answer is longer than any model's")


class _AsyncStream(httpx2.AsyncByteStream):
    def __init__(self, inner: Any, counter: _Counter) -> None:
        self._inner, self._counter = inner, counter

    async def __aiter__(self) -> AsyncIterator[bytes]:
        async for part in self._inner:
            self._counter.take(len(part))
            yield part

    async def aclose(self) -> None:
        await self._inner.aclose()

    @property
    def elapsed(self) -> Any:
        return self._inner.elapsed


class _Stream(httpx2.SyncByteStream):
    def __init__(self, inner: Any, counter: _Counter) -> None:
        self._inner, self._counter = inner, counter

    def __iter__(self) -> Iterator[bytes]:
        for part in self._inner:
            self._counter.take(len(part))
            yield part

    def close(self) -> None:
        self._inner.close()

    @property
    def elapsed(self) -> Any:
        return self._inner.elapsed


async def _bound_async(response: httpx2.Response) -> None:
    response.stream = _AsyncStream(response.stream, _Counter(response))


def _bound(response: httpx2.Response) -> None:
    response.stream = _Stream(response.stream, _Counter(response))


def async_client() -> httpx2.AsyncClient:
    """For `openai.AsyncOpenAI(http_client=...)`."""
    return openai.DefaultAsyncHttpxClient(event_hooks={"response": [_bound_async]})


def client() -> httpx2.Client:
    """For `openai.OpenAI(http_client=...)`."""
    return openai.DefaultHttpxClient(event_hooks={"response": [_bound]})
